package checks

import (
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/authprober/authprober/checks/internal/jsonvalue"
)

// A reader finds which part of the answer's body an expression reads, for no more of it
// need be made of a long answer. It is an ast.Visitor: children come before their parents.
type reader struct {
	paths map[ast.Node][]string // of accesses to members by name, from the body on
	going map[ast.Node]bool     // those that go on in their parent
	sized map[ast.Node]bool     // those of which the length is taken and nothing else
}

// partOf is the part of the body that an expression reads; nil where that is nothing.
func partOf(node ast.Node, mentions map[string]bool) *jsonvalue.Part {
	if !mentions["body"] {
		return nil
	}
	r := &reader{map[ast.Node][]string{}, map[ast.Node]bool{}, map[ast.Node]bool{}}
	ast.Walk(&node, r)
	var all *jsonvalue.Part
	for end, path := range r.paths {
		if !r.going[end] {
			all = all.And(jsonvalue.Of(path, r.sized[end]))
		}
	}
	return all
}

// Visit implements ast.Visitor.
func (r *reader) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "body" {
			r.paths[n] = []string{}
		}
	case *ast.MemberNode:
		r.member(n, n.Node, n.Property)
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok && callee.Value == memberFunc && len(n.Arguments) == 2 {
			r.member(n, n.Arguments[0], n.Arguments[1])
		}
	case *ast.BuiltinNode:
		if n.Name == "len" && len(n.Arguments) == 1 {
			r.sized[n.Arguments[0]] = true
		}
	}
}

// member notes an access to a member, if its name is in the expression.
func (r *reader) member(n, from, property ast.Node) {
	path, known := r.paths[from]
	if name, ok := property.(*ast.StringNode); known && ok {
		r.paths[n] = append(slices.Clip(path), name.Value)
		r.going[from] = true
	}
}

// noteReads notes which part of the body everything reads that is asked of a step's
// answer, to be made of it at once.
func (f *compiled) noteReads(st *step) {
	all := false
	note := func(e *Expr) {
		if e.program != nil {
			st.reads = st.reads.And(e.program.reads)
			all = all || e.mentions("$env") // which has the body whichever way it is read
		}
	}
	for i := range st.Expect {
		note(&st.Expect[i])
	}
	for _, captures := range []Captures{st.Capture, st.Remember} {
		for i := range captures {
			note(&captures[i].Value)
		}
	}
	for _, e := range st.conditions() {
		note(e)
	}
	if st.Poll != nil {
		note(&st.Poll.Until)
		note(&st.Poll.Pending)
	}
	for i := range f.tags {
		note(&f.tags[i].expr)
	}
	if all && st.reads != nil {
		st.reads = jsonvalue.Whole
	}
}
