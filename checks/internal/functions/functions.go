// Package functions holds the functions that flow expressions can call, beyond
// those the expression language has itself.
//
// They are plain Go functions, with a table, [All], that says under which name
// an expression calls them and with which types. Whoever compiles expressions
// registers the table; the reference page is made from it.
//
// Text and bytes. A text of an expression is a Go string, which may hold any
// bytes. A function that makes a digest returns []byte, which cannot be put in a
// request as it is: only through hex, base64 or base64url, so nobody sends the
// raw bytes, or the wrong encoding of them, unawares. A function that takes data
// takes either, so that
//
//	base64url(sha256(verifier))
//	hex(hmac_sha256(hex_decode(account.key), string_to_sign))
//
// say what they mean. A decoder returns text, because that is what is compared
// and sent; it may hold bytes that are no UTF-8.
//
// No error of a function has any part of what it was given.
package functions

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Func is a function that expressions can call.
type Func struct {
	Name string
	// Usage shows the arguments by name, the optional ones in brackets.
	Usage string
	// Doc says in a sentence or two what it returns.
	Doc string
	// Example is an expression that calls it.
	Example string
	// Types are the signatures it can be called with, each a pointer to a func,
	// for the type checker of expressions. It tells what is wrong with a call by
	// the last of them, so that is the one with the fewest arguments.
	Types []any
	// MustBeRefused says that what it returns is made to be refused.
	MustBeRefused bool
	// Call calls it. The arguments fit one of Types, but for those whose type is
	// not known before; of them, a wrong one is an error.
	Call func(args ...any) (any, error)

	trial func(t *trial) // see Try; nil where there is nothing to try
}

// All returns every function, in the order in which the reference has them. Each
// is safe for concurrent use.
func All() []Func {
	all := slices.Concat(codes(), encodings(), tokens(), spoiled(), keys(), passkeys(), texts(), values())
	for i := range all {
		all[i].blameArguments()
	}
	return all
}

// blameArguments makes Call tell by an [*ArgumentError] that what its author has
// chosen is wrong, and not what else it was given.
func (f *Func) blameArguments() {
	if f.trial == nil {
		return
	}
	call, tried := f.Call, *f
	f.Call = func(args ...any) (any, error) {
		v, err := call(args...)
		if _, ok := errors.AsType[misuse](err); err == nil || ok {
			return v, err
		}
		if wrong := tried.Try(args); wrong != nil {
			return nil, wrong
		}
		return nil, err
	}
}

// Missing is the error of an expression that reads what is not there: only an
// answer can lack it. What names it, in words of this program.
type Missing struct{ What string }

func (e Missing) Error() string { return e.What + " is missing" }

// misuse is the error of a call whose arguments are too many, too few or of other
// kinds.
type misuse struct{ error }

// failed is any other error of a call.
type failed struct{ error }

func (e failed) Unwrap() error { return e.error }

// OfOurs reports whether an error is that of a [Func], whose words repeat nothing of what it
// was given.
func OfOurs(err error) bool {
	_, misused := errors.AsType[misuse](err)
	_, ok := errors.AsType[failed](err)
	_, argument := errors.AsType[*ArgumentError](err)
	return misused || ok || argument
}

// arguments reads the arguments of one call. Its first mistake stays in err.
type arguments struct {
	name string
	args []any
	err  error
}

// call makes a Func's Call of f, which reads its arguments from a. The result
// counts only where a has no error.
func call(name string, least, most int, f func(a *arguments) (any, error)) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		a := &arguments{name: name, args: args}
		if n := len(args); n < least || n > most {
			return nil, misuse{fmt.Errorf("%s: got %d arguments, want %s", name, n, count(least, most))}
		}
		v, err := f(a)
		if a.err != nil {
			return nil, misuse{fmt.Errorf("%s: %w", name, a.err)}
		}
		if err != nil {
			return nil, failed{fmt.Errorf("%s: %w", name, err)}
		}
		return v, nil
	}
}

func count(least, most int) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

func (a *arguments) fail(i int, want string) {
	if a.err == nil {
		a.err = fmt.Errorf("argument %d is %s, want %s", i+1, kind(a.args[i]), want)
	}
}

// kind says what sort of value v is; never the value.
func kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "text"
	case []byte:
		return "bytes"
	case int, int64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case time.Time:
		return "a time"
	}
	return fmt.Sprintf("a %T", v)
}

// text returns argument i, "" if it is left out.
func (a *arguments) text(i int) string {
	if i >= len(a.args) {
		return ""
	}
	s, ok := a.args[i].(string)
	if !ok {
		a.fail(i, "text")
	}
	return s
}

// data returns argument i, text or bytes.
func (a *arguments) data(i int) []byte {
	switch v := a.args[i].(type) {
	case string:
		return []byte(v)
	case []byte:
		return v
	}
	a.fail(i, "text or bytes")
	return nil
}

// whole returns argument i, 0 if it is left out.
func (a *arguments) whole(i int) int {
	if i >= len(a.args) {
		return 0
	}
	switch v := a.args[i].(type) {
	case int:
		return v
	case int64:
		return int(v)
	case float64:
		if n := int(v); float64(n) == v {
			return n
		}
	}
	a.fail(i, "a whole number")
	return 0
}

// object returns argument i, nil if it is left out.
func (a *arguments) object(i int) map[string]any {
	if i >= len(a.args) {
		return nil
	}
	m, ok := a.args[i].(map[string]any)
	if !ok {
		a.fail(i, "an object")
	}
	return m
}
