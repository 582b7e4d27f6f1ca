package recording

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const wantHAR = "want a HAR recording, as a browser or a proxy saves it: {\"log\": {\"entries\": […]}}"

// HAR reads a HAR 1.2 recording (http://www.softwareishard.com/blog/har-12-spec/).
// It reads entry by entry, so that what is in memory are the requests and the
// answers that are text. An error says where the mistake is, by line and column
// if r is an [io.Seeker] and by byte otherwise, and shows nothing of r.
func HAR(r io.Reader) (*Recording, error) {
	h := &harReader{in: newInput(r), room: maxBodies, r: &Recording{Source: "a HAR recording"}}
	found, err := h.document()
	switch {
	case err != nil:
		return nil, h.in.explain(err, wantHAR)
	case !found:
		return nil, errors.New("it has no log.entries; " + wantHAR)
	case len(h.r.Exchanges) == 0:
		return nil, errors.New("it holds no request")
	}
	slices.SortStableFunc(h.r.Exchanges, func(a, b Exchange) int { return a.At.Compare(b.At) })
	return h.r, nil
}

type harReader struct {
	in     *input
	r      *Recording
	room   budget
	long   int // bodies that were left out
	undate int // entries without a time that can be read
}

func (h *harReader) document() (found bool, err error) {
	err = h.in.object(func(name string) (bool, error) {
		if name == "item" || name == "info" {
			return true, errors.New("this is a Postman collection; read it with: authprober import postman FILE")
		}
		if name != "log" {
			return false, nil
		}
		return true, h.in.object(func(name string) (bool, error) {
			if name != "entries" {
				return false, nil
			}
			found = true
			return true, h.in.list(h.entry)
		})
	})
	if h.long > 0 {
		h.r.Notes = append(h.r.Notes, fmt.Sprintf("bodies that are long or no text were not looked at: %d", h.long))
	}
	if h.undate > 0 {
		h.r.Notes = append(h.r.Notes, fmt.Sprintf("entries whose time cannot be read are where they stood in the file: %d", h.undate))
	}
	return found, err
}

type harEntry struct {
	Started string `json:"startedDateTime"`
	Kind    string `json:"_resourceType"`
	Request struct {
		Method  string     `json:"method"`
		URL     string     `json:"url"`
		Headers []harField `json:"headers"`
		Body    *struct {
			Type   string     `json:"mimeType"`
			Text   string     `json:"text"`
			Params []harField `json:"params"`
		} `json:"postData"`
	} `json:"request"`
	Response struct {
		Status  int        `json:"status"`
		Headers []harField `json:"headers"`
		Content struct {
			Type     string `json:"mimeType"`
			Text     string `json:"text"`
			Encoding string `json:"encoding"`
		} `json:"content"`
		Redirect string `json:"redirectURL"`
	} `json:"response"`
}

type harField struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	File  string `json:"fileName"`
}

func (h *harReader) entry() error {
	if len(h.r.Exchanges) >= MaxExchanges {
		return fmt.Errorf("it holds more than %d requests; record less", MaxExchanges)
	}
	var e harEntry
	if err := h.in.dec.Decode(&e); err != nil {
		return err
	}
	x := Exchange{Method: strings.ToUpper(e.Request.Method), URL: e.Request.URL, Kind: strings.ToLower(e.Kind), At: h.time(e.Started)}
	x.Header = fieldsOf(e.Request.Headers)
	h.body(&x, &e)
	x.Answer = Answer{Status: max(e.Response.Status, 0), Header: fieldsOf(e.Response.Headers), Type: e.Response.Content.Type}
	if e.Response.Redirect != "" && get(x.Answer.Header, "Location") == "" {
		x.Answer.Header = append(x.Answer.Header, Field{"Location", e.Response.Redirect})
	}
	x.Answer.Text = h.content(&e)
	h.r.Exchanges = append(h.r.Exchanges, x)
	return nil
}

// time is when an entry began, or when the one before it did.
func (h *harReader) time(text string) (at time.Time) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		h.undate++
		if n := len(h.r.Exchanges); n > 0 {
			at = h.r.Exchanges[n-1].At
		}
	}
	return at
}

func (h *harReader) body(x *Exchange, e *harEntry) {
	if e.Request.Body == nil {
		return
	}
	x.Body.Type = e.Request.Body.Type
	text, ok := h.room.take(e.Request.Body.Text)
	if !ok || len(text) > maxSentBody {
		h.long++
		x.Body.Missing = "it is long"
		return
	}
	x.Body.Text = strings.TrimPrefix(text, byteOrderMark)
	if text != "" && !isMultipart(x.Body.Type) {
		return
	}
	for _, p := range e.Request.Body.Params {
		if p.File != "" {
			x.Body.Missing = "it holds files"
			continue
		}
		x.Body.Fields = append(x.Body.Fields, Field{p.Name, p.Value})
	}
}

// content is the answer's body where it is text that can be looked at.
func (h *harReader) content(e *harEntry) string {
	c := &e.Response.Content
	if c.Text == "" || isAsset(e.Kind, c.Type) {
		return ""
	}
	text := c.Text
	if strings.EqualFold(c.Encoding, "base64") {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || !utf8.Valid(raw) {
			h.long++
			return ""
		}
		text = string(raw)
	}
	text, ok := h.room.take(text)
	if !ok {
		h.long++
	}
	return text
}

func fieldsOf(from []harField) (fields []Field) {
	for _, f := range from {
		fields = append(fields, Field{f.Name, f.Value})
	}
	return fields
}
