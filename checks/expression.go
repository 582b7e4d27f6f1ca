package checks

import (
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// An Expr is an expression as the operator wrote it, compiled when the step it
// belongs to is vetted. The zero value is no expression.
type Expr struct {
	Source string

	node    *yaml.Node
	program *program
	// left is the left side of a comparison, to say what was got; nil where the
	// expression is none.
	left *program
}

// DecodeYAML implements strict.Decoder.
func (e *Expr) DecodeYAML(d *strict.Document, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" { // `if: true` is an expression like any other
		e.Source, e.node = n.Value, n
		return
	}
	if text, ok := d.Text(n); ok {
		e.Source, e.node = text, n
	}
}

func (e *Expr) isSet() bool { return e.node != nil }

// compileBool compiles a condition.
func (e *Expr) compileBool(s *Scope) {
	if e.node == nil {
		return
	}
	if e.program = s.compile(e.node, 0, e.Source, expr.AsBool()); e.program == nil {
		return
	}
	if left, ok := leftOfComparison(e.Source); ok {
		e.left = s.quietly(e.node, left)
	}
}

// compileAny compiles an expression for its value.
func (e *Expr) compileAny(s *Scope) {
	if e.node != nil {
		e.program = s.compile(e.node, 0, e.Source)
	}
}

// mentions reports whether the expression reads the name.
func (e *Expr) mentions(name string) bool { return e.program != nil && e.program.mentions[name] }

// quietly compiles without noting mistakes: what it is given is part of an
// expression that has compiled.
func (s *Scope) quietly(n *yaml.Node, source string) *program {
	before := len(s.doc.Mistakes)
	again := *s
	again.flow = nil // what its helpers are given was tried
	p := again.compile(n, 0, source)
	s.doc.Mistakes = s.doc.Mistakes[:before]
	return p
}

var comparisons = []string{"==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith", "matches"}

// leftOfComparison returns the source of the left side of a comparison.
func leftOfComparison(source string) (string, bool) {
	tree, err := parser.Parse(source)
	if err != nil {
		return "", false
	}
	if n, ok := tree.Node.(*ast.BinaryNode); ok && slices.Contains(comparisons, n.Operator) {
		return n.Left.String(), true
	}
	return "", false
}

// statusOf is the number of an expression that is no more than `status == 200`, which
// nearly every step has; else 0. [Session.run] compares that without the machine.
func statusOf(n ast.Node) int {
	both, ok := n.(*ast.BinaryNode)
	if !ok || both.Operator != "==" {
		return 0
	}
	name, isName := both.Left.(*ast.IdentifierNode)
	number, isNumber := both.Right.(*ast.IntegerNode)
	if !isName || !isNumber || name.Value != "status" {
		return 0
	}
	return number.Value
}
