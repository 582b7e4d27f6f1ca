package banktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MarshalJSON writes the JSON form.
func (f Fault) MarshalJSON() ([]byte, error) {
	object := map[string]any{}
	if f.ID != "" {
		object["id"] = f.ID
	}
	for _, field := range f.fields() {
		object[field.key] = field.value
	}
	return json.Marshal(object)
}

// UnmarshalJSON reads the JSON form, as strictly as [ParseFault] the text.
// Values may be strings throughout. An ID is ignored.
func (f *Fault) UnmarshalJSON(p []byte) error {
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	object := map[string]any{}
	if err := d.Decode(&object); err != nil || object == nil {
		return errors.New(`fault: want a JSON object like {"step": "login", "rate": "12%", "kind": "hang"}`)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("fault: more than one JSON value")
	}
	delete(object, "id")
	var problems []error
	var read Fault
	for _, key := range sortedKeys(object) {
		switch value := object[key].(type) {
		case string:
			problems = append(problems, read.set(key, value))
		case json.Number:
			problems = append(problems, read.set(key, value.String()))
		default:
			problems = append(problems, fmt.Errorf("%s is neither a string nor a number", key))
		}
	}
	read, err := read.finish(problems)
	if err != nil {
		return err
	}
	*f = read
	return nil
}
