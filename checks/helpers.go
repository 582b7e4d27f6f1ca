package checks

import (
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"

	"github.com/authprober/authprober/checks/internal/functions"
)

// helpers are the functions that every expression may call, beside those of the
// expression language itself.
var helpers = functions.All()

// anyType is the type of what only an answer knows.
var anyType = types.Any

func isHelper(name string) bool {
	return slices.ContainsFunc(helpers, func(h functions.Func) bool { return h.Name == name })
}

// helperOptions make the helpers known to the expression compiler.
var helperOptions = func() []expr.Option {
	options := []expr.Option{
		expr.Function(memberFunc, memberOf, new(func(any, any) any)),
		expr.Function(headerFunc, headerOf, new(func(map[string][]string, string) string)),
	}
	for _, h := range helpers {
		options = append(options, expr.Function(h.Name, h.Call, h.Types...))
	}
	return options
}()
