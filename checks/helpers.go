package checks

import (
	"slices"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"

	"github.com/authprober/authprober/checks/internal/otp"
)

type helper struct{ Name string }

var helpers = []helper{{"totp"}}

var anyType = types.Any

func isHelper(name string) bool {
	return slices.ContainsFunc(helpers, func(h helper) bool { return h.Name == name })
}

var helperOptions = []expr.Option{
	expr.Function(memberFunc, memberOf, new(func(any, any) any)),
	expr.Function(headerFunc, headerOf, new(func(map[string][]string, string) string)),
	expr.Function("totp", func(p ...any) (any, error) {
		k, err := otp.DecodeSecret(p[0].(string))
		if err != nil {
			return nil, err
		}
		return otp.TOTP(k, time.Now(), otp.Options{}), nil
	}, new(func(string) string)),
}
