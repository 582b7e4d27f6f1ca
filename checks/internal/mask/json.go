package mask

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// mostItems is how many items of a list are shown, and deepest how deep.
const (
	mostItems = 3
	deepest   = 8
)

// JSON shows the shape of a JSON text, in at most limit bytes; cut says that there was
// more. It is not ok if the text is none.
//
//	{"error": "account_locked", "attempts": number, "customer": {"name": string}, "accounts": [{…}, and 11 more]}
func JSON(body []byte, limit int) (text string, cut, ok bool) {
	if !json.Valid(body) {
		return "", false, false
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	w := &writer{limit: limit}
	w.value(d, "", 0)
	return w.b.String(), w.cut, true
}

// A writer writes until there is no more room.
type writer struct {
	b     strings.Builder
	limit int
	cut   bool
}

func (w *writer) write(s string) {
	switch {
	case w.cut:
	case w.b.Len()+len(s) > w.limit:
		w.cut = true
		w.b.WriteString("…")
	default:
		w.b.WriteString(s)
	}
}

// value shows the next value, which is that of a key.
func (w *writer) value(d *json.Decoder, key string, depth int) {
	token, err := d.Token()
	if err != nil {
		return // it is valid, so this is its end
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			w.object(d, depth)
		} else {
			w.list(d, key, depth)
		}
	case string:
		w.write(text(key, v))
	case json.Number:
		w.write(numeral(key, v.String()))
	case bool:
		w.write(strconv.FormatBool(v))
	default:
		w.write("null")
	}
}

func (w *writer) object(d *json.Decoder, depth int) {
	w.write("{")
	for n := 0; d.More(); n++ {
		key, err := d.Token()
		if err != nil {
			return
		}
		name, _ := key.(string)
		if depth >= deepest || w.cut {
			skip(d)
			if n == 0 {
				w.write("…")
			}
			continue
		}
		if n > 0 {
			w.write(", ")
		}
		w.write(strconv.Quote(Key(name)) + ": ")
		w.value(d, name, depth+1)
	}
	_, _ = d.Token() // the end of it
	w.write("}")
}

func (w *writer) list(d *json.Decoder, key string, depth int) {
	w.write("[")
	n := 0
	for ; d.More(); n++ {
		if n >= mostItems || depth >= deepest || w.cut {
			skip(d)
			continue
		}
		if n > 0 {
			w.write(", ")
		}
		w.value(d, key, depth+1)
	}
	_, _ = d.Token()
	if n > mostItems {
		w.write(fmt.Sprintf(", and %d more", n-mostItems))
	}
	w.write("]")
}

// skip passes over the next value.
func skip(d *json.Decoder) {
	for depth := 0; ; {
		token, err := d.Token()
		if err == io.EOF || err != nil {
			return
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return
		}
	}
}

// text is how a string is shown: a word or an id where its key may have one. Of any
// other not even the length is, which tells something of a secret.
func text(key, value string) string {
	key = strings.ToLower(key)
	if answerKeys[key] && isWord(value) || ids[key] && id.MatchString(value) {
		return strconv.Quote(value)
	}
	if value == "" {
		return `""`
	}
	return "string"
}

// numeral is how a number is shown.
func numeral(key, value string) string {
	key = strings.ToLower(key)
	n, err := strconv.ParseInt(value, 10, 64)
	if err == nil && (answerKeys[key] && n >= 0 && n <= 999 || spans[key]) {
		return value
	}
	return "number"
}
