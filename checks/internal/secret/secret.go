// Package secret keeps passwords, keys and tokens out of everything people and
// machines read.
//
// There are two lines of defence. A [Secret] is a value that cannot be printed
// by accident: whatever formats, logs or encodes it writes [Mark]. A [Redactor]
// is for text that others have made, such as the answer of a target or the
// error of a library: it replaces the secrets it knows of, in the encodings
// they travel in, by Mark.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Mark is what stands where a secret would have been. It is the same for every
// secret, so it does not tell how long the secret is, nor whether it is empty.
const Mark = "[secret]"

// A Secret is a text that must not be seen. Every way of formatting or encoding
// it, package fmt with any verb, encoding/json, YAML, log/slog and zap
// included, gives [Mark]; only [Secret.Reveal] gives the text. The zero value
// is the empty text.
//
// The text is behind a pointer, because package fmt does not call the methods
// of unexported struct fields: what it prints then is an address. Secrets
// therefore do not compare with ==; use [Secret.Equal].
type Secret struct {
	_    [0]func() // not comparable
	text *string
}

// New returns a Secret that holds text.
func New(text string) Secret { return Secret{text: &text} }

// Reveal returns the text. Call it where the text is sent, and nowhere else.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the text is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Equal reports whether s and o hold the same text, in a time that depends on
// their lengths only.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(o.Reveal())) == 1
}

// String returns [Mark].
func (s Secret) String() string { return Mark }

// GoString returns [Mark].
func (s Secret) GoString() string { return Mark }

// Format writes [Mark] for every verb, whatever its flags.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Mark) }

// MarshalText returns [Mark].
func (s Secret) MarshalText() ([]byte, error) { return []byte(Mark), nil }

// MarshalJSON returns [Mark] as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + Mark + `"`), nil }

// MarshalYAML returns [Mark].
func (s Secret) MarshalYAML() (any, error) { return Mark, nil }

// LogValue returns [Mark].
func (s Secret) LogValue() slog.Value { return slog.StringValue(Mark) }

var errBinary = errors.New("a secret has no binary form")

// MarshalBinary always fails: bytes that could be read back would have to hold
// the text, and bytes that hold Mark would be mistaken for it.
func (s Secret) MarshalBinary() ([]byte, error) { return nil, errBinary }
