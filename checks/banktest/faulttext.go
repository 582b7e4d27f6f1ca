package banktest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// faultKeys are the words of the text form, in the order in which they are
// written.
var faultKeys = []string{
	"step", "backend", "release", "method", "path", "rate", "every", "kind",
	"status", "for", "retry_after", "by", "after", "size", "what", "limit", "per",
}

// ParseFault reads the text form of a fault: words like
//
//	step=login rate=12% backend=b3 kind=status status=503
//
// in any order, with spaces between. The words are the fields of [Fault] in
// lower case, retry_after among them; kind is needed, and the others have
// their fields' defaults, filled in. A rate is a percentage or a number up to
// 1, a size may end in KB, MB or GB (thousands), durations are as in
// [time.ParseDuration]. An error says everything that is wrong, and names what
// would be right.
func ParseFault(text string) (Fault, error) {
	var f Fault
	var problems []error
	seen := map[string]bool{}
	for word := range strings.FieldsSeq(text) {
		key, value, ok := strings.Cut(word, "=")
		switch {
		case !ok:
			problems = append(problems, fmt.Errorf("%q is not like key=value", word))
		case seen[key]:
			problems = append(problems, fmt.Errorf("%s is given twice", key))
		default:
			problems = append(problems, f.set(key, value))
			seen[key] = true
		}
	}
	return f.finish(problems)
}

// finish fills in the defaults, or puts together what is wrong.
func (f Fault) finish(problems []error) (Fault, error) {
	err := errors.Join(problems...)
	if err == nil {
		err = f.Check()
	}
	if err != nil {
		return Fault{}, fmt.Errorf("fault: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return f.withDefaults(), nil
}

// set sets the field that a word is about.
func (f *Fault) set(key, value string) (err error) {
	switch key {
	case "step":
		f.Step, err = nonEmpty(value)
	case "backend":
		f.Backend, err = nonEmpty(value)
	case "release":
		f.Release, err = nonEmpty(value)
	case "method":
		f.Method, err = nonEmpty(value)
	case "path":
		f.Path, err = nonEmpty(value)
	case "kind":
		var kind string
		kind, err = nonEmpty(value)
		f.Kind = Kind(kind)
	case "rate":
		f.Rate, err = parseRate(value)
	case "every":
		f.Every, err = parseCount(value)
	case "status":
		f.Status, err = parseCount(value)
	case "for":
		f.For, err = parseDuration(value)
	case "retry_after":
		f.RetryAfter, err = parseDuration(value)
	case "by":
		f.By, err = parseDuration(value)
	case "after":
		f.After, err = parseSize(value)
	case "size":
		f.Size, err = parseSize(value)
	case "what":
		f.What, err = nonEmpty(value)
	case "limit":
		f.Limit, err = parseCount(value)
	case "per":
		f.Per, err = parseDuration(value)
	default:
		return fmt.Errorf("unknown word %q, want %s", key, oneOf(faultKeys))
	}
	if err != nil {
		return fmt.Errorf("%s=%s: %w", key, value, err)
	}
	return nil
}

// String returns the text form, which [ParseFault] reads back into the same
// fault, but for the ID.
func (f Fault) String() string {
	var words []string
	for _, field := range f.fields() {
		words = append(words, field.key+"="+field.text)
	}
	return strings.Join(words, " ")
}

// A faultField is a word of the text form.
type faultField struct {
	key, text string
	value     any // as JSON has it
}

// fields returns the words that f needs, in the order of faultKeys.
func (f Fault) fields() []faultField {
	var fields []faultField
	add := func(is bool, key, text string, value any) {
		if is {
			fields = append(fields, faultField{key, text, value})
		}
	}
	name := func(key, value string) { add(value != "", key, value, value) }
	count := func(key string, n int64) { add(n != 0, key, strconv.FormatInt(n, 10), n) }
	duration := func(key string, d time.Duration) { add(d != 0, key, d.String(), d.String()) }
	name("step", f.Step)
	name("backend", f.Backend)
	name("release", f.Release)
	name("method", f.Method)
	name("path", f.Path)
	add(f.Rate != 0, "rate", percent(f.Rate), percent(f.Rate))
	count("every", int64(f.Every))
	name("kind", string(f.Kind))
	count("status", int64(f.Status))
	duration("for", f.For)
	duration("retry_after", f.RetryAfter)
	duration("by", f.By)
	count("after", f.After)
	count("size", f.Size)
	name("what", f.What)
	count("limit", int64(f.Limit))
	duration("per", f.Per)
	return fields
}
