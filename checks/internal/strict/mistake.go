// Package strict decodes YAML documents that people write into structs, and
// finds every mistake in one go.
//
// The usual way, decoding a document into a struct, stops at the first mistake,
// forgets columns, drops strictness as soon as a type decodes itself, and lets
// YAML guess: a PIN of 0123 becomes 83. Here the document stays a tree of nodes
// with positions; [Decode] walks it beside the struct, notes each mistake as
// file:line:column with the nearest right name, and goes on. A type that reads
// itself implements [Decoder] and keeps the same strictness.
package strict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Mistake is one thing that is wrong in a file.
type Mistake struct {
	File         string
	Line, Column int // from 1; 0 where the mistake is the file's as a whole
	Message      string
}

// String is "file:line:column: message", the form editors jump to.
func (m Mistake) String() string {
	switch {
	case m.File == "": // it is of no file
		return m.Message
	case m.Line == 0:
		return m.File + ": " + m.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", m.File, m.Line, m.Column, m.Message)
}

// Mistakes is a list of mistakes that is an error: one line each, by file and
// position.
type Mistakes []Mistake

// Error is every mistake, a line each.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i := range m {
		lines[i] = m[i].String()
	}
	return strings.Join(lines, "\n")
}

// Sort puts the mistakes in the order in which a reader meets them, and drops
// repetitions.
func (m Mistakes) Sort() Mistakes {
	slices.SortStableFunc(m, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(m)
}

// Err is the list as an error: nil where it is empty.
func (m Mistakes) Err() error {
	if len(m) == 0 {
		return nil
	}
	return m.Sort()
}

// Nearest returns "; did you mean X?" for the name in known that a slip of the
// keyboard turns into name, or "" where none is near.
func Nearest(name string, known []string) string {
	best, least := "", 1+min(3, (len(name)+1)/3)
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance is the optimal string alignment distance: how many insertions,
// deletions, substitutions and swaps of neighbours turn a into b.
func distance(a, b string) int {
	before, last, this := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		this[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			this[j] = min(last[j]+1, this[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				this[j] = min(this[j], before[j-2]+1)
			}
		}
		before, last, this = last, this, before
	}
	return last[len(b)]
}
