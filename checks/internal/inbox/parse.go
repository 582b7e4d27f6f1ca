package inbox

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/textproto"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/charset"
)

// Limits on what is read of a mail. What lies beyond them is left out: a code is
// in the first lines, and what makes a mail large is attached to it.
const (
	MaxMail   = 1 << 20  // bytes that are fetched
	MaxText   = 1 << 20  // bytes of decoded text
	maxHeader = 64 << 10 // bytes of the header, and of the header of a part
	maxDepth  = 8        // of parts within parts
	maxParts  = 100
)

// ErrNoMail is the error of what has no header as RFC 5322 has them.
var ErrNoMail = errors.New("it is no mail: its header cannot be read")

// A Mail is what a flow can read of a mail.
type Mail struct {
	// Header are the fields, decoded (RFC 2047), by their canonical names.
	Header http.Header
	// Text is the text: of the parts of type text/plain, or where they say nothing
	// of those of type text/html. It is UTF-8, its lines end with "\n", and it has
	// at most MaxText bytes.
	Text string
}

// Parse reads a mail, which may be cut short: RFC 5322 with MIME, RFC 2045 to
// 2047. A body that is broken gives what can be read of it; the only error is
// ErrNoMail.
func Parse(raw []byte) (*Mail, error) {
	e, err := message.ReadWithOptions(bytes.NewReader(raw), &message.ReadOptions{MaxHeaderBytes: maxHeader})
	if e == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return nil, ErrNoMail
	}
	m := &Mail{Header: decodedHeader(&e.Header)}
	if len(m.Header) == 0 {
		return nil, ErrNoMail
	}
	var t texts
	t.add(e, 0)
	m.Text = t.best()
	return m, nil
}

var words = mime.WordDecoder{CharsetReader: charset.Reader}

// decodedHeader are the fields of a header; one that is not encoded well is as it
// was sent.
func decodedHeader(h *message.Header) http.Header {
	all := http.Header{}
	for f := h.Fields(); f.Next(); {
		value := f.Value()
		if decoded, err := words.DecodeHeader(value); err == nil {
			value = decoded
		}
		all.Add(textproto.CanonicalMIMEHeaderKey(f.Key()), strings.ToValidUTF8(value, "\uFFFD"))
	}
	return all
}

// texts are those of a mail's parts.
type texts struct {
	plain, html strings.Builder
	parts       int
}

// best is the text that a person would read.
func (t *texts) best() string {
	if text := t.plain.String(); strings.TrimSpace(text) != "" {
		return text
	}
	return t.html.String()
}

// add adds the texts of a part, and of those within it.
func (t *texts) add(e *message.Entity, depth int) {
	if t.parts++; t.parts > maxParts {
		return
	}
	if parts := e.MultipartReader(); parts != nil {
		for depth < maxDepth && t.parts < maxParts {
			part, err := parts.NextPart()
			if part == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
				return
			}
			t.add(part, depth+1)
		}
		return
	}
	if disposition, _, _ := e.Header.ContentDisposition(); disposition == "attachment" {
		return
	}
	switch kind, _, err := e.Header.ContentType(); {
	case kind == "text/html":
		write(&t.html, textOfHTML(read(e.Body)))
	case kind == "text/plain" || kind == "" || err != nil:
		write(&t.plain, read(e.Body))
	}
}

// read is what can be read of a body, as UTF-8 with plain line ends.
func read(body io.Reader) string {
	raw, _ := io.ReadAll(io.LimitReader(body, MaxText)) // cut short or broken: what there is
	text := strings.ToValidUTF8(string(raw), "\uFFFD")
	return strings.ReplaceAll(text, "\r\n", "\n")
}

// write appends a part's text on lines of its own, up to MaxText in all.
func write(b *strings.Builder, text string) {
	if b.Len() > 0 && text != "" {
		text = "\n" + text
	}
	if room := MaxText - b.Len(); len(text) > room {
		for text = text[:max(room, 0)]; text != "" && !utf8.ValidString(text[max(0, len(text)-utf8.UTFMax):]); {
			text = text[:len(text)-1] // not within a character
		}
	}
	b.WriteString(text)
}
