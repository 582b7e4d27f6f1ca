package strict

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Limits on a document. A flow is a page of text: whatever is larger is another
// file by mistake, or an attack.
const (
	MaxBytes   = 1 << 20 // of a file
	maxAliases = 1000    // followed, those within others each time
	maxDepth   = 64
)

// A Document is a parsed file with the mistakes found in it so far. It is not
// safe for concurrent use.
type Document struct {
	File     string
	Root     *yaml.Node // the top mapping; nil where the file is no YAML mapping
	Mistakes Mistakes

	lines   []string
	aliases int // followed so far
}

// Parse reads the text of a file. What is wrong with the file as a whole is in
// the document's mistakes, and Root is nil then.
func Parse(file string, text []byte) *Document {
	d := &Document{File: file}
	if !d.plausible(text) {
		return d
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		d.syntax(err)
		return d
	}
	if len(doc.Content) != 1 {
		d.file("empty file")
		return d
	}
	d.lines = strings.Split(string(text), "\n")
	if root := doc.Content[0]; root.Kind == yaml.MappingNode {
		d.Root = root
	} else {
		d.Errorf(root, "want a mapping of keys to values, got %s", Describe(root))
	}
	return d
}

func (d *Document) plausible(text []byte) bool {
	switch {
	case len(text) > MaxBytes:
		d.file("the file has %d bytes; the limit is %d", len(text), MaxBytes)
	case bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(text):
		d.file("not a text file in UTF-8")
	case len(bytes.TrimSpace(text)) == 0:
		d.file("empty file")
	default:
		return true
	}
	return false
}

func (d *Document) file(format string, args ...any) {
	d.Mistakes = append(d.Mistakes, Mistake{File: d.File, Message: fmt.Sprintf(format, args...)})
}

// syntax turns the YAML library's error into mistakes with positions.
func (d *Document) syntax(err error) {
	var one *yaml.LoadError
	if errors.As(err, &one) && one.Mark.Line+one.ContextMark.Line > 0 {
		at := one.Mark
		if at.Line == 0 {
			at = one.ContextMark
		}
		d.Mistakes = append(d.Mistakes, Mistake{d.File, at.Line, at.Column, "not YAML: " + one.Message})
		return
	}
	text := err.Error()
	if i := strings.LastIndex(text, "yaml: "); i >= 0 {
		text = text[i+len("yaml: "):]
	}
	switch {
	case strings.Contains(text, "no documents"):
		d.file("empty file")
	case strings.Contains(text, "found multiple"):
		d.file("the file holds several documents (a line of ---); put each into a file of its own")
	default:
		d.file("not YAML: %s", text)
	}
}

// Errorf notes a mistake at a node.
func (d *Document) Errorf(n *yaml.Node, format string, args ...any) {
	d.At(n.Line, n.Column, format, args...)
}

// At notes a mistake at a position.
func (d *Document) At(line, column int, format string, args ...any) {
	d.Mistakes = append(d.Mistakes, Mistake{d.File, line, column, fmt.Sprintf(format, args...)})
}

// Within does something, and adds to each mistake that it notes where that is.
func (d *Document) Within(place string, do func()) {
	before := len(d.Mistakes)
	do()
	for i := before; i < len(d.Mistakes); i++ {
		d.Mistakes[i].Message += place
	}
}

// Inside returns the position of the byte at offset within a scalar's value:
// exact where the value stands on one line of the file letter by letter, and
// the scalar's own position otherwise.
func (d *Document) Inside(n *yaml.Node, offset int) (line, column int) {
	if n.Line < 1 || n.Line > len(d.lines) || n.Column < 1 {
		return n.Line, n.Column
	}
	text := d.lines[n.Line-1]
	from := len(string([]rune(text)[:min(n.Column-1, utf8.RuneCountInString(text))]))
	if i := strings.Index(text[from:], n.Value); i >= 0 && i <= 2 && offset <= len(n.Value) {
		return n.Line, n.Column + utf8.RuneCountInString(text[from:from+i+offset])
	}
	return n.Line, n.Column
}

// Describe names the type of a node for people, never its value.
func Describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "a boolean"
	case "!!int", "!!float":
		return "a number"
	}
	return "text"
}

// Resolve follows an alias to what it stands for. A file whose aliases multiply
// beyond reason, or refer to themselves, is refused: the second result is then
// false, and decoding must not go on.
func (d *Document) Resolve(n *yaml.Node) (*yaml.Node, bool) {
	for n.Kind == yaml.AliasNode {
		if d.aliases++; d.aliases > maxAliases || n.Alias == nil {
			if d.aliases <= maxAliases+1 {
				d.Errorf(n, "aliases are followed more than %d times in this file, those within others each time", maxAliases)
			}
			return n, false
		}
		n = n.Alias
	}
	return n, true
}
