package htmlform

import (
	"bytes"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// A Submission is what a browser would send.
type Submission struct {
	Method      string // GET or POST
	URL         *url.URL
	ContentType string // "" for GET
	Body        []byte
}

// An entry is a name with a value that is sent. An empty file is what a person
// sends who has chosen none.
type entry struct {
	name, value string
	file        bool
}

// Submit makes what is sent when the button is pressed: the first that says what
// is asked for, or where pressed is nil the first that is not disabled, if there is
// one. The error is one of those above, or that of a text that the page's character
// set cannot hold.
func (f *Form) Submit(pressed *Button) (*Submission, error) {
	by := f.button(pressed)
	if by == nil && pressed != nil {
		return nil, ErrNoButton
	}
	action, method, enctype := f.action, f.method, f.enctype
	if by != nil {
		for _, own := range []struct{ of, set *string }{{by.action, &action}, {by.method, &method}, {by.enctype, &enctype}} {
			if own.of != nil {
				*own.set = *own.of
			}
		}
	}
	to, err := f.page.resolve(action)
	if err != nil {
		return nil, err
	}
	as := f.page.text
	if strings.Contains(strings.ToLower(f.accept), "utf-8") {
		as = encoder{name: "UTF-8"}
	}
	entries, err := as.encodeAll(f.entries(by, as.name))
	if err != nil {
		return nil, err
	}
	return send(to, strings.ToLower(method), strings.ToLower(enctype), entries)
}

func (f *Form) button(pressed *Button) *control {
	for _, c := range f.controls {
		if c.disabled || c.kind < button {
			continue
		}
		if b := pressed; b == nil || (b.ID == "" || b.ID == c.id) && (b.Name == "" || b.Name == c.name) && (b.Value == "" || b.Value == c.value) {
			return c
		}
	}
	return nil
}

// entries are what the form sends: HTML, "Constructing the entry list".
func (f *Form) entries(by *control, charset string) (all []entry) {
	for _, c := range f.controls {
		switch {
		case c.disabled || c.kind >= button && c != by:
		case c.kind == image: // pressed without a mouse
			prefix := c.name
			if prefix != "" {
				prefix += "."
			}
			all = append(all, entry{name: prefix + "x", value: "0"}, entry{name: prefix + "y", value: "0"})
		case c.name == "" || (c.kind == box || c.kind == radio) && !c.checked:
		case c.kind == choice:
			for _, o := range c.options {
				if o.selected && !o.disabled {
					all = append(all, entry{name: c.name, value: o.value})
				}
			}
		case c.kind == file:
			all = append(all, entry{name: c.name, file: true})
		case c.kind == hidden && strings.EqualFold(c.name, "_charset_"):
			all = append(all, entry{name: c.name, value: charset})
		default:
			all = append(all, entry{name: c.name, value: c.value})
		}
	}
	all = slices.DeleteFunc(all, func(e entry) bool {
		return slices.ContainsFunc(f.added, func(a entry) bool { return a.name == e.name })
	})
	return append(all, f.added...)
}

// encodeAll ends lines as the network does and puts the texts into the page's
// character set. A character that it does not have becomes a reference such as
// &#8364;, as browsers do.
func (e encoder) encodeAll(all []entry) ([]entry, error) {
	for i := range all {
		for _, text := range []*string{&all[i].name, &all[i].value} {
			*text = strings.ToValidUTF8(lines.Replace(*text), "\ufffd")
			if e.encode == nil {
				continue
			}
			var err error
			if *text, err = e.encode(*text); err != nil {
				return nil, ErrCharset
			}
		}
	}
	return all, nil
}

var lines = strings.NewReplacer("\r\n", "\r\n", "\r", "\r\n", "\n", "\r\n")

// send chooses the way of sending: HTML, "Form submission algorithm".
func send(to *url.URL, method, enctype string, all []entry) (*Submission, error) {
	switch {
	case method == "dialog":
		return nil, ErrDialog
	case method != "post":
		to.RawQuery, to.ForceQuery = urlencoded(all), false
		return &Submission{Method: "GET", URL: to}, nil
	case enctype == "text/plain":
		return nil, ErrPlain
	case enctype == "multipart/form-data":
		return sendMultipart(to, all)
	}
	return &Submission{"POST", to, "application/x-www-form-urlencoded", []byte(urlencoded(all))}, nil
}

// urlencoded is the serialiser of the URL standard, section 5.2. It differs from
// url.Values in the order, which is kept, and in * and ~.
func urlencoded(all []entry) string {
	var b strings.Builder
	text := func(s string) {
		for i := range len(s) {
			switch c := s[i]; {
			case c == ' ':
				b.WriteByte('+')
			case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("*-._", c) >= 0:
				b.WriteByte(c)
			default:
				b.WriteByte('%')
				b.WriteByte("0123456789ABCDEF"[c>>4])
				b.WriteByte("0123456789ABCDEF"[c&15])
			}
		}
	}
	for i, e := range all {
		if i > 0 {
			b.WriteByte('&')
		}
		text(e.name)
		b.WriteByte('=')
		text(e.value)
	}
	return b.String()
}

// inHeader escapes a name within Content-Disposition: HTML, "Multipart form data".
var inHeader = strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22")

func sendMultipart(to *url.URL, all []entry) (*Submission, error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, e := range all {
		h := textproto.MIMEHeader{}
		disposition := `form-data; name="` + inHeader.Replace(e.name) + `"`
		if e.file {
			disposition += `; filename=""`
			h.Set("Content-Type", "application/octet-stream")
		}
		h.Set("Content-Disposition", disposition)
		part, err := w.CreatePart(h)
		if err != nil {
			return nil, err
		}
		if _, err := part.Write([]byte(e.value)); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return &Submission{"POST", to, w.FormDataContentType(), b.Bytes()}, nil
}
