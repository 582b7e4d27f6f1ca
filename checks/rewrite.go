package checks

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker/nature"

	"github.com/authprober/authprober/checks/internal/functions"
)

// The expression language answers nil for a field that is not there, so that
// `body.state != "closed"` would be true of an error page. An honest
// expectation must fail instead. Before an expression is compiled, each plain
// access to a member of a value whose shape only the answer knows becomes a
// call of memberFunc, which fails where there is nothing; `?.` and `??` keep
// their meaning and say that absence is fine. An access to header becomes a
// call of headerFunc, for the names of header fields know no case.
const (
	memberFunc = "_member"
	headerFunc = "_header"
)

// errMissing is the error of an expression that reads what is not there. Helpers
// have it too.
type errMissing = functions.Missing

// seekers are the helpers that may find nothing.
var seekers = []string{"auth_challenge", "extract"}

// A rewriter is the ast.Visitor that does this, and notes which names the
// expression mentions. Children are visited before their parents.
type rewriter struct {
	mentions map[string]bool
	checked  []string                          // names whose fields are checked at load
	plain    map[*ast.CallNode]*ast.MemberNode // what a call stands for
	types    map[*ast.CallNode]reflect.Type    // what calls yield
	account  int                               // how often it reads more of the account than its name
	calls    []*ast.CallNode                   // of helpers, in the order of their ends
	branches map[ast.Node]bool                 // what only one outcome of a condition comes to
	heeds    bool                              // a loop of it heeds the time
}

func newRewriter(checked []string) *rewriter {
	return &rewriter{mentions: map[string]bool{}, checked: checked, plain: map[*ast.CallNode]*ast.MemberNode{}, types: map[*ast.CallNode]reflect.Type{}, branches: map[ast.Node]bool{}}
}

// Visit implements ast.Visitor.
func (r *rewriter) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		r.mentions[n.Value] = true
		if n.Value == "account" {
			r.account++
		}
	case *ast.MemberNode:
		r.member(node, n)
	case *ast.ChainNode:
		r.restore(&n.Node)
	case *ast.BuiltinNode:
		r.heed(n)
	case *ast.BinaryNode:
		if n.Operator == "??" {
			r.restore(&n.Left)
		}
		if slices.Contains([]string{"??", "&&", "||", "and", "or"}, n.Operator) {
			r.branch(n.Right)
		}
	case *ast.ConditionalNode:
		r.branch(n.Exp1)
		r.branch(n.Exp2)
	case *ast.CallNode:
		r.restoreOne(&n.Callee)
		// The library checks before and after this; it would take the call's type
		// from the first time and not look at the arguments again, whose mistakes
		// it has forgotten by then.
		r.types[n] = n.Type()
		n.SetNature(nature.Nature{})
		r.calls = append(r.calls, n)
	}
}

// branch notes what is under n.
func (r *rewriter) branch(n ast.Node) {
	ast.Find(n, func(below ast.Node) bool { r.branches[below] = true; return false })
}

// misses reports whether the expression may find nothing where it reads something.
func (r *rewriter) misses() bool {
	return len(r.plain) > 0 || slices.ContainsFunc(seekers, func(name string) bool { return r.mentions[name] })
}

func (r *rewriter) typeOf(n ast.Node) reflect.Type {
	if call, ok := n.(*ast.CallNode); ok && r.types[call] != nil {
		return r.types[call]
	}
	return n.Type()
}

// Reset and ShouldRepeat put this visitor among those that are called last, with no
// check between it and the final one.
func (r *rewriter) Reset() {}

// ShouldRepeat implements part of what Reset does.
func (r *rewriter) ShouldRepeat() bool { return false }

func (r *rewriter) member(node *ast.Node, n *ast.MemberNode) {
	root, isRoot := n.Node.(*ast.IdentifierNode)
	if field, ok := n.Property.(*ast.StringNode); ok && isRoot && root.Value == "account" && field.Value == "name" {
		r.account--
	}
	if n.Optional || n.Method {
		return
	}
	name := memberFunc
	if isRoot {
		switch {
		case root.Value == "header":
			name = headerFunc
		case slices.Contains(r.checked, root.Value):
			return
		}
	}
	if t := r.typeOf(n.Node); name == memberFunc && t != nil && t.Kind() != reflect.Interface && t.Kind() != reflect.Map {
		if call, ok := n.Node.(*ast.CallNode); !ok || r.plain[call] == nil {
			return
		}
	}
	call := &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: []ast.Node{n.Node, n.Property}}
	r.plain[call] = n
	ast.Patch(node, call)
}

// restore undoes member along a chain of accesses.
func (r *rewriter) restore(node *ast.Node) {
	r.restoreOne(node)
	switch n := (*node).(type) {
	case *ast.MemberNode:
		r.restore(&n.Node)
	case *ast.ChainNode:
		r.restore(&n.Node)
	}
}

func (r *rewriter) restoreOne(node *ast.Node) {
	if call, ok := (*node).(*ast.CallNode); ok {
		if member := r.plain[call]; member != nil && call.Callee.(*ast.IdentifierNode).Value == memberFunc {
			*node = member
		}
	}
}

// memberOf is memberFunc: the member of a JSON value, or an error.
func memberOf(params ...any) (any, error) {
	switch from := params[0].(type) {
	case map[string]any:
		name, ok := params[1].(string)
		if !ok {
			return nil, memberError{text: "want a name to read a field by, got " + kindOf(params[1])}
		}
		if value, there := from[name]; there {
			return value, nil
		}
		return nil, errMissing{What: "the field " + name}
	case sentHeaders:
		name, ok := params[1].(string)
		if value, there := from[strings.ToLower(name)]; ok && there {
			return value, nil
		}
		return nil, memberError{"the request that is signed has no header field", fmt.Sprint(params[1])}
	case []any:
		i, ok := params[1].(int)
		if !ok {
			return nil, memberError{text: "want a number to read an element by, got " + kindOf(params[1])}
		}
		if i < 0 {
			i += len(from)
		}
		if i < 0 || i >= len(from) {
			return nil, errMissing{What: fmt.Sprintf("element %v of a list of %d", params[1], len(from))}
		}
		return from[i], nil
	case nil:
		return nil, errMissing{What: fmt.Sprintf("the field %v of null", params[1])}
	}
	return reflectMember(params[0], params[1])
}

// reflectMember serves the values that helpers make, such as maps of strings and
// the proof key of pkce().
func reflectMember(from, property any) (any, error) {
	v := reflect.ValueOf(from)
	if name, ok := property.(string); ok && v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String {
		if value := v.MapIndex(reflect.ValueOf(name).Convert(v.Type().Key())); value.IsValid() {
			return value.Interface(), nil
		}
		return nil, errMissing{What: "the field " + name}
	}
	if name, ok := property.(string); ok && v.Kind() == reflect.Struct {
		for field, value := range v.Fields() {
			if field.Tag.Get("expr") == name {
				return value.Interface(), nil
			}
		}
		return nil, errMissing{What: "the field " + name}
	}
	return nil, memberError{kindOf(from) + " has no field", fmt.Sprint(property)}
}

// headerOf is headerFunc: the first value of a header field, "" where the
// answer has none.
func headerOf(params ...any) (any, error) {
	header, ok := params[0].(http.Header)
	name, named := params[1].(string)
	if !ok || !named {
		return nil, memberError{text: "header fields are read by name, as in header[\"X-Release\"]"}
	}
	return header.Get(name), nil
}
