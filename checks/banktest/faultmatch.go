package banktest

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// A sight is what faults choose a request by.
type sight struct {
	step         string  // "" at a proxy
	on           Backend // the zero value at a proxy
	method, path string
}

func (f *activeFault) matches(s sight) bool {
	is := func(want, got string) bool { return want == "*" || want == "" || want == got }
	return is(f.Step, s.step) && is(f.Backend, s.on.Name) && is(f.Release, s.on.Release) &&
		is(f.Method, s.method) && f.path(s.path)
}

// maxPath is the longest Path of a fault, in bytes.
const maxPath = 1000

// newPathMatch compiles a fault's Path.
func newPathMatch(pattern string) (func(path string) bool, error) {
	if len(pattern) > maxPath {
		return nil, fmt.Errorf("path is %d bytes long, want at most %d", len(pattern), maxPath)
	}
	if expression, ok := strings.CutPrefix(pattern, "~"); ok {
		re, err := regexp.Compile(expression)
		if why := (*syntax.Error)(nil); errors.As(err, &why) {
			return nil, fmt.Errorf("path is no regular expression: %s: `%s`", why.Code, why.Expr)
		}
		return re.MatchString, err
	}
	if pattern == "" || pattern == "*" {
		return func(string) bool { return true }, nil
	}
	if !strings.HasPrefix(pattern, "/") {
		return nil, fmt.Errorf("path %q, want one like /token, /users/* or ~^/token$", pattern)
	}
	if begin, ok := strings.CutSuffix(pattern, "*"); ok {
		return func(path string) bool { return strings.HasPrefix(path, begin) }, nil
	}
	return func(path string) bool { return path == pattern }, nil
}

// checkMethod refuses a method that no client sends: they are in capitals, and
// compared as they are.
func checkMethod(method string) error {
	bad := func(c rune) bool { return c < 'A' || c > 'Z' }
	if method != "" && method != "*" && (len(method) > 32 || strings.ContainsFunc(method, bad)) {
		return fmt.Errorf("method %q, want one in capitals, like POST", method)
	}
	return nil
}
