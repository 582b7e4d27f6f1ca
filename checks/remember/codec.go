package remember

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/authprober/authprober/checks/internal/secret"
)

// version is that of the form of a file. One that is unknown is not guessed at.
const version = 1

// A form is a file of an account as JSON.
type form struct {
	Version int                  `json:"version"`
	Pool    string               `json:"pool"`
	Account string               `json:"account"`
	Values  map[string]valueForm `json:"values"`
}

type valueForm struct {
	Since string          `json:"since"` // RFC 3339
	Value json.RawMessage `json:"value"`
}

// encode writes the file of an account: the same values, the same bytes.
func encode(a Account, values map[string]Value) ([]byte, error) {
	f := form{version, a.Pool, a.Name, make(map[string]valueForm, len(values))}
	for name, v := range values {
		f.Values[name] = valueForm{v.Since.Format(time.RFC3339Nano), json.RawMessage(v.JSON.Reveal())}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // values keep their bytes
	if enc.Encode(f) != nil {
		return nil, errors.New("encoding the values: one has no JSON form") // the cause may quote it
	}
	return b.Bytes(), nil
}

// decode reads what encode wrote, and everything else is an error: a member that
// is missing, unknown or there twice, whatever is beyond the limits. Its errors
// repeat nothing of the text.
func decode(text []byte) (a Account, values map[string]Value, err error) {
	if !utf8.Valid(text) {
		return a, nil, errors.New("it is not valid UTF-8")
	}
	var members, list map[string]json.RawMessage
	if members, err = object(text, "version", "pool", "account", "values"); err != nil {
		return a, nil, err
	}
	var v int
	switch {
	case json.Unmarshal(members["version"], &v) != nil || v != version:
		return a, nil, fmt.Errorf("it is not of version %d", version)
	case !stringOf(members["pool"], &a.Pool) || !stringOf(members["account"], &a.Name) || a.check() != nil:
		return a, nil, errors.New("it does not say whose it is")
	}
	if list, err = object(members["values"]); err != nil {
		return a, nil, err
	}
	values = make(map[string]Value, len(list))
	for name, member := range list {
		if values[name], err = decodeValue(member); err != nil {
			return a, nil, err
		}
	}
	return a, values, checkAll(values)
}

func decodeValue(text []byte) (v Value, err error) {
	members, err := object(text, "since", "value")
	if err != nil {
		return v, err
	}
	var since string
	if !stringOf(members["since"], &since) {
		return v, errors.New("the time of a value is not one of RFC 3339")
	}
	if v.Since, err = time.Parse(time.RFC3339Nano, since); err != nil {
		return v, errors.New("the time of a value is not one of RFC 3339")
	}
	v.JSON = secret.New(string(members["value"]))
	if v, err = v.normal(); err != nil {
		return v, fmt.Errorf("of a value, %w", err)
	}
	return v, nil
}

// checkAll holds the values of an account against the limits.
func checkAll(values map[string]Value) error {
	if len(values) > MaxValues {
		return fmt.Errorf("more than %d values of one account", MaxValues)
	}
	for name := range values {
		if err := checkName(name); err != nil {
			return fmt.Errorf("of a value: %w", err)
		}
	}
	return nil
}

// object reads one JSON object and nothing after it. It must have the names that
// are wanted and no other; without any, what it has.
func object(text []byte, wanted ...string) (map[string]json.RawMessage, error) {
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, fmt.Errorf("it stops being JSON at byte %d", syntax.Offset)
		}
		return nil, errors.New("it is not JSON")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, _ := dec.Token(); t != json.Delim('{') {
		return nil, errors.New("there is no object where one should be")
	}
	members := map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		var member json.RawMessage
		if err != nil || !ok || dec.Decode(&member) != nil {
			return nil, errors.New("it is not JSON")
		}
		if _, twice := members[name]; twice {
			return nil, errors.New("a member is there twice")
		}
		members[name] = member
	}
	if _, err := dec.Token(); err != nil && err != io.EOF {
		return nil, errors.New("it is not JSON")
	}
	for _, name := range wanted {
		if _, ok := members[name]; !ok {
			return nil, fmt.Errorf("its %s is missing", name)
		}
	}
	if len(wanted) > 0 && len(members) > len(wanted) {
		return nil, errors.New("it has a member that is unknown")
	}
	return members, nil
}

// stringOf reads a JSON string; null, which encoding/json takes for one, is none.
func stringOf(text json.RawMessage, to *string) bool {
	return len(text) > 0 && text[0] == '"' && json.Unmarshal(text, to) == nil
}
