package checks

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"

	"github.com/expr-lang/expr/file"

	"github.com/authprober/authprober/checks/internal/functions"
	"github.com/authprober/authprober/prober"
)

// Messages of the expression library that have nothing in them but its own words, names of
// types, and numbers. All others may quote what they were given, which is the target's.
var (
	typeName   = `[a-zA-Z0-9_.{}\[\]* ]+`
	ofTypes    = regexp.MustCompile(`^invalid operation: (` + typeName + ` (\+|-|\*|/|%|<=?|>=?) ` + typeName + `|- ` + typeName + `|negative shift count -\d+ \(type int\))$`)
	ofOneType  = regexp.MustCompile(`^(invalid argument for \w+ \(type ` + typeName + `\)|operator "in" not defined on ` + typeName + `|cannot use ` + typeName + ` as field name of ` + typeName + `)$`)
	ofNumbers  = regexp.MustCompile(`^index out of range: -?\d+ \(array length is \d+\)$`)
	ofAField   = regexp.MustCompile(`^cannot (?:fetch|get) (\S+) from ` + typeName + `$`)
	neitherNor = regexp.MustCompile(`^invalid operation: bool\((` + typeName + `)\)$`)
	calleeName = regexp.MustCompile(`^[A-Za-z]\w*$`)
)

// plainExprError is what went wrong in an expression, in one line: without the source, which
// the reader is shown anyway, and without anything of what the expression was given.
func plainExprError(err error, source string) error {
	if missing, ok := errors.AsType[errMissing](err); ok {
		return errMissing{What: namedIn(source, missing.What)}
	}
	if member, ok := errors.AsType[memberError](err); ok {
		return member.in(source)
	}
	for _, over := range []error{errUncomputed, prober.ErrShutdown} {
		if errors.Is(err, over) {
			return over
		}
	}
	at, ok := errors.AsType[*file.Error](err)
	if !ok {
		return err
	}
	if cause := at.Prev; cause != nil && ofOurs(cause) {
		return cause
	}
	message, _, _ := strings.Cut(at.Message, "\n")
	if m := neitherNor.FindStringSubmatch(message); m != nil {
		return errors.New("it is neither true nor false, but of type " + m[1])
	}
	if quotesNothing(message, source) {
		return errors.New(message)
	}
	const useless = "it cannot be computed from what it is given"
	if name := within(source, at.Location); calleeName.MatchString(name) {
		return fmt.Errorf("%s: %s", name, useless)
	}
	return errors.New(useless)
}

// A memberError is that of what has no such member; its name, unless empty, may be computed.
type memberError struct{ text, name string }

func (e memberError) Error() string { return strings.TrimSpace(e.text + " " + e.name) }

// in is the error without the name, unless that stands in the expression.
func (e memberError) in(source string) error {
	if !strings.Contains(source, e.name) {
		return memberError{text: e.text + " of the name that is computed"}
	}
	return e
}

// namedIn is what is missing, without a name that stands nowhere in the expression.
func namedIn(source, what string) string {
	name, isField := strings.CutPrefix(what, "the field ")
	name, ofNull := strings.CutSuffix(name, " of null")
	switch {
	case !isField || strings.Contains(source, name):
		return what
	case ofNull:
		return "a field of null"
	}
	return "the field whose name is computed"
}

// ofOurs reports whether an error has words of this program, or of the runtime, which repeats
// no text.
func ofOurs(err error) bool {
	if _, ok := errors.AsType[runtime.Error](err); ok {
		return true
	}
	return functions.OfOurs(err)
}

func quotesNothing(message, source string) bool {
	if m := ofAField.FindStringSubmatch(message); m != nil {
		return strings.Contains(source, m[1])
	}
	return message == "memory budget exceeded" || ofTypes.MatchString(message) || ofOneType.MatchString(message) || ofNumbers.MatchString(message)
}

// within is what stands at a place of a text, which counts in characters.
func within(source string, at file.Location) string {
	runes := []rune(source)
	if at.From < 0 || at.To > len(runes) || at.From > at.To {
		return ""
	}
	return string(runes[at.From:at.To])
}
