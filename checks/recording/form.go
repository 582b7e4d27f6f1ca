package recording

import (
	"regexp"
	"sync"
)

// form returns what compiles an expression when it is first asked for, and panics if
// there is a mistake in it. All of them are a megabyte, which a daemon, which reads no
// recording, would have for nothing.
func form(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
