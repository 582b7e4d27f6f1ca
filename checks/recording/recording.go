package recording

import (
	"strings"
	"time"
)

// A Recording is what was sent and answered, in the order in which it was sent.
type Recording struct {
	// Source says what the recording was, such as "a HAR recording".
	Source string
	// Title is the recording's own name; it may be empty.
	Title string
	// Exchanges are at most [MaxExchanges].
	Exchanges []Exchange
	// Variables is whether {{name}} in a request stands for a value.
	Variables bool
	// Defaults are the values that the recording itself gives to variables.
	Defaults map[string]string
	// Notes say what was not understood, for the author.
	Notes []string
}

// Limits on a recording.
const (
	// MaxBytes is the longest recording that is read.
	MaxBytes = 256 << 20
	// MaxExchanges is the most exchanges that are read.
	MaxExchanges = 20_000
	// maxBody is the longest body that is looked at; maxBodies the most of all;
	// maxSentBody the longest that a step sends.
	maxBody, maxBodies, maxSentBody = 1 << 20, 64 << 20, 16 << 10
)

// An Exchange is one request and its answer.
type Exchange struct {
	Name   string    // the recording's own; may be empty
	At     time.Time // when it began; zero where that is not known
	Method string
	URL    string
	Header []Field
	Body   Body
	Kind   string // what a browser asked it for, such as "image"; may be empty
	Answer Answer
	Sets   []Setting // what scripts keep of the answer
	Notes  []string
	keys   []string // names of fields that hold an API key
}

// A Field is a name with a value: of a header, a form or a query.
type Field struct{ Name, Value string }

// A Body is what a request sends: fields, or else text.
type Body struct {
	Type    string // media type; may be empty
	Text    string
	Fields  []Field
	Missing string // why the body is not here; empty where it is
}

func (b *Body) empty() bool { return b.Text == "" && len(b.Fields) == 0 }

// An Answer is what came back. Its Status is 0 where nothing is recorded.
type Answer struct {
	Status int
	Header []Field
	Type   string
	Text   string // empty where it is long, or no text
}

// A Setting is a value that a script keeps: a variable and an expression of the
// flow language over the answer.
type Setting struct{ Variable, Expr string }

// get returns the first value of a header field, "" where there is none.
func get(header []Field, name string) string {
	for _, f := range header {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// A budget is what is left of the room for bodies.
type budget int

// take returns the text if there is room for it.
func (b *budget) take(text string) (string, bool) {
	if len(text) > maxBody || len(text) > int(*b) {
		return "", false
	}
	*b -= budget(len(text))
	return strings.Clone(text), true
}
