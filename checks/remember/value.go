package remember

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/authprober/authprober/checks/internal/secret"
)

// What an account may have remembered of it at most.
const (
	MaxValues = 100      // names
	MaxSize   = 64 << 10 // bytes of JSON of one value
)

// A Value is what is remembered under one name.
type Value struct {
	// JSON is one JSON text, RFC 8259. The store drops blanks outside of strings
	// and changes nothing else: numbers keep their digits.
	JSON secret.Secret
	// Since says when it came about, as its caller tells; the store reads no
	// clock. It is kept to the nanosecond, in UTC.
	Since time.Time
}

// normal returns v in the form in which it comes back from a file.
func (v Value) normal() (Value, error) {
	text := v.JSON.Reveal()
	if len(text) > 2*MaxSize { // blanks apart; bounds the work
		return v, errTooLarge
	}
	var b bytes.Buffer
	if !utf8.ValidString(text) || json.Compact(&b, []byte(text)) != nil {
		return v, errors.New("it is not a JSON text")
	}
	if b.Len() > MaxSize {
		return v, errTooLarge
	}
	v.JSON, v.Since = secret.New(b.String()), v.Since.Round(0).UTC()
	if year := v.Since.Year(); year < 0 || year > 9999 {
		return v, errors.New("its time is beyond what RFC 3339 can write")
	}
	return v, nil
}

var errTooLarge = fmt.Errorf("it has more than %d bytes", MaxSize)

// next is the counter that follows the one that v holds.
func (v Value) next() (uint64, error) {
	n, err := strconv.ParseUint(v.JSON.Reveal(), 10, 63)
	if err != nil {
		return 0, errors.New("what is remembered is no counter")
	}
	return n + 1, nil
}

func counter(n uint64, since time.Time) Value {
	return Value{secret.New(strconv.FormatUint(n, 10)), since}
}
