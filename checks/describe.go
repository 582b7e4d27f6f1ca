package checks

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
)

// kindOf names the kind of a JSON value for people.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case bool:
		return "a boolean"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case []byte:
		return "bytes (write them with hex, base64 or base64url)"
	}
	switch reflect.ValueOf(v).Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64:
		return "a number"
	}
	return fmt.Sprintf("a value of type %T", v)
}

// wordy matches texts that read as a message or a code out of a vocabulary.
// A token, a password or a one-time code hardly ever does.
var wordy = regexp.MustCompile(`^[A-Za-z][A-Za-z_ .,/;'-]{0,59}$`)

// describe says what a value is without giving away what nobody needs to see:
// numbers and booleans as they are, texts only if they read as words, and
// everything else by kind and length.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case string:
		if v == "" || wordy.MatchString(v) {
			return strconv.Quote(v)
		}
		return fmt.Sprintf("text of %d bytes", len(v))
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case map[string]any:
		return fmt.Sprintf("an object of %d fields", len(v))
	case fmt.Stringer: // a duration, a time
		return v.String()
	case int, int64, uint64, float64:
		return fmt.Sprint(v)
	}
	return kindOf(v)
}
