package recording

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// textNode is a text, in quotes where it would otherwise mean something else.
func textNode(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.ToValidUTF8(s, "\uFFFD")}
	switch {
	case plainText(s):
	case isASCII(s) && strings.ContainsAny(s, "\"\\") && !strings.Contains(s, "'"):
		n.Style = yaml.SingleQuotedStyle
	default:
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// isASCII reports whether a text is made of what every terminal prints.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// plainText reports whether a text stands in YAML without quotes, and is plainly
// text to a reader: a word, a request line, an expression.
func plainText(s string) bool {
	if s == "" || len(s) > 200 || !isLetter(s[0]) && s[0] != '$' && s[0] != '_' || s[len(s)-1] == ' ' || s[len(s)-1] == ':' {
		return false
	}
	if !isASCII(s) || strings.ContainsAny(s, "\\`") {
		return false
	}
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return false
	}
	return !strings.Contains(s, ": ") && !strings.Contains(s, " #")
}

func mapNode(all []setting) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if len(all) == 0 {
		n.Style = yaml.FlowStyle
	}
	for _, s := range all {
		n.Content = append(n.Content, textNode(s.key), s.value)
	}
	return n
}

func pairsNode(pairs []pair) *yaml.Node {
	var all []setting
	for _, p := range pairs {
		all = append(all, setting{p.name, textNode(p.expr)})
	}
	return mapNode(all)
}

// node is the step as YAML.
func (s *step) node() *yaml.Node {
	all := []setting{{"name", textNode(s.name)}}
	if len(s.lets) > 0 {
		all = append(all, setting{"let", pairsNode(s.lets)})
	}
	all = append(all, mergeHeaders(s.settings)...)
	expect := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for _, e := range s.expect {
		expect.Content = append(expect.Content, textNode(e))
	}
	all = append(all, setting{"expect", expect})
	if len(s.captures) > 0 {
		all = append(all, setting{"capture", pairsNode(s.captures)})
	}
	n := mapNode(all)
	n.HeadComment = comment(s.comments)
	return n
}

// mergeHeaders makes one of the settings of that name.
func mergeHeaders(all []setting) (merged []setting) {
	at := map[string]int{}
	for _, s := range all {
		if i, ok := at[s.key]; ok && s.key == "headers" {
			merged[i].value.Content = append(merged[i].value.Content, s.value.Content...)
			continue
		}
		at[s.key] = len(merged)
		merged = append(merged, s)
	}
	return merged
}

// comment is lines as a comment of YAML.
func comment(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString("# " + wrap(oneLine(line), 100))
	}
	return b.String()
}

// wrap breaks a line between words.
func wrap(line string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(line) {
		n := utf8.RuneCountInString(word)
		switch {
		case i > 0 && column+1+n > width:
			b.WriteString("\n#   ")
			column = 2
		case i > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

func stepsNode(steps []*step) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, s := range steps {
		n.Content = append(n.Content, s.node())
	}
	return n
}

// dump writes a document.
func dump(root *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	d, err := yaml.NewDumper(&b, yaml.WithIndent(2), yaml.WithLineWidth(-1), yaml.WithCompactSeqIndent(false))
	if err != nil {
		return nil, err
	}
	if err := d.Dump(root); err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
