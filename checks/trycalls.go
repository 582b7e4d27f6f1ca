package checks

import (
	"errors"
	"maps"
	"slices"

	"github.com/expr-lang/expr/ast"
	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/functions"
)

// An argument is a place in the calls of a helper.
type argument struct {
	helper string
	at     int // from 0
}

// helperOf is the helper that is called.
func helperOf(call *ast.CallNode) (functions.Func, bool) {
	callee, ok := call.Callee.(*ast.IdentifierNode)
	if !ok {
		return functions.Func{}, false
	}
	i := slices.IndexFunc(helpers, func(h functions.Func) bool { return h.Name == callee.Value })
	if i < 0 {
		return functions.Func{}, false
	}
	return helpers[i], true
}

// tryCalls tries the keys, secrets and the like that an expression gives to helpers
// and that are known at load: what the run would find out at its first step is a
// mistake in the file. source stands at offset within the scalar n.
func (s *Scope) tryCalls(n *yaml.Node, offset int, source string, rw *rewriter) {
	if s.flow == nil {
		return
	}
	for _, call := range rw.calls {
		h, ok := helperOf(call)
		if !ok || !s.tryCall(n, offset, source, h, call, nil, "") || rw.branches[call] || s.choosy || !readsAccount(call) {
			continue // of a branch, or a step that has a condition, only the run knows which accounts come to it
		}
		for _, name := range slices.Sorted(maps.Keys(s.flow.accountVars)) {
			s.tryCall(n, offset, source, h, call, s.flow.accountVars[name], "the account "+name+": ")
		}
	}
}

// tryCall tries one call with the fields of an account, or without them where that is
// nil. It notes what is wrong, and whose it is, and reports whether nothing is.
func (s *Scope) tryCall(n *yaml.Node, offset int, source string, h functions.Func, call *ast.CallNode, account map[string]any, of string) bool {
	wrong, ok := errors.AsType[*functions.ArgumentError](h.Try(s.flow.knownOf(call, account)))
	if !ok {
		return true
	}
	before := []rune(source)[:call.Arguments[wrong.Arg].Location().From]
	line, column := s.doc.Inside(n, offset+len(string(before)))
	s.doc.At(line, column, "%s%v", of, wrong)
	return false
}

// knownOf lists what a call is given, nil for what only a run knows.
func (f *compiled) knownOf(call *ast.CallNode, account map[string]any) []any {
	args := make([]any, len(call.Arguments))
	for i, arg := range call.Arguments {
		args[i] = f.known(arg, account)
	}
	return args
}

// known is the value of a literal, or of a field of the account, of secrets or of env;
// nil for anything else, and for one that is empty: that it is missing is noted where
// it is set.
func (f *compiled) known(n ast.Node, account map[string]any) any {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.IntegerNode:
		return n.Value
	case *ast.UnaryNode:
		if number, ok := n.Node.(*ast.IntegerNode); ok && n.Operator == "-" {
			return -number.Value
		}
	case *ast.MemberNode:
		from, of := n.Node.(*ast.IdentifierNode)
		field, ok := n.Property.(*ast.StringNode)
		if !of || !ok {
			return nil
		}
		values := map[string]map[string]any{"account": account, "secrets": f.secrets, "env": f.env}[from.Value]
		if v := values[field.Value]; v != "" {
			return v
		}
	}
	return nil
}

// readsAccount reports whether a call is given a field of the account as it is.
func readsAccount(call *ast.CallNode) bool {
	return slices.ContainsFunc(call.Arguments, func(arg ast.Node) bool {
		member, ok := arg.(*ast.MemberNode)
		if !ok {
			return false
		}
		from, ok := member.Node.(*ast.IdentifierNode)
		return ok && from.Value == "account"
	})
}

// ofAnswer lists the arguments of helpers that are read from the answer at hand, in
// any of their calls.
func (r *rewriter) ofAnswer() map[argument]bool {
	all := map[argument]bool{}
	for _, call := range r.calls {
		h, ok := helperOf(call)
		for i, arg := range call.Arguments {
			if ok && readsAnswer(arg) {
				all[argument{h.Name, i}] = true
			}
		}
	}
	return all
}

// readsAnswer reports whether the value comes from an answer. What a predicate is
// given, an element of a list, counts as such.
func readsAnswer(n ast.Node) bool {
	return ast.Find(n, func(below ast.Node) bool {
		if _, element := below.(*ast.PointerNode); element {
			return true
		}
		name, ok := below.(*ast.IdentifierNode)
		if !ok {
			return false
		}
		_, answer := answerNames[name.Value]
		return answer
	}) != nil
}

// ownFault reports whether an error of the program is of a key, a secret, an origin or
// the like that the flow has given to a helper, and not of what the target has sent.
func (p *program) ownFault(err error) bool {
	wrong, ok := errors.AsType[*functions.ArgumentError](err)
	return ok && !p.ofAnswer[argument{wrong.Func, wrong.Arg}]
}
