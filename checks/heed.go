package checks

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"

	"github.com/authprober/authprober/prober"
)

// The machine that runs expressions goes on until it is done. A loop within a loop over a
// list of the answer may take hours, of which the run's timeout would know nothing. So each
// turn of a loop whose own work grows with the answer begins with a call of heedFunc, which
// fails where the time is over; a loop that does little in each turn is left as it is, and
// costs what it did. What remains is one pass over an answer, of at most max_body.
//
// It is a value beside those that an expression reads, and no function of the machine's, as it
// has to know the run.
const heedFunc = "_heed"

// heedType is what the machine calls without reflection, and without anything allocated.
type heedType = func(...any) any

// heedAfter is how long an expression may take in any case: what was computed of an answer
// that came at the last moment counts.
const heedAfter = 50 * time.Millisecond

// errUncomputed is our own fault, or the flow's: the target had answered.
var errUncomputed = errors.New("an expression was still being computed when the time was over; want an expression with fewer loops within loops")

// A limit is the time that an expression has.
type limit struct {
	ctx   context.Context // of the step; its end is that of the expression
	begun time.Time
	heed  any // the heedType of this limit, made once
}

// begin begins the time of an expression, which is going to call what it returns.
func (l *limit) begin() (heed any) {
	l.begun = time.Now()
	if l.heed == nil {
		l.heed = heedType(l.check)
	}
	return l.heed
}

// check is a heedType: it panics with an error where the time is over, which the machine
// makes that of the expression.
func (l *limit) check(...any) any {
	switch {
	case l.ctx == nil || l.ctx.Err() == nil || time.Since(l.begun) < heedAfter:
		return nil
	case errors.Is(context.Cause(l.ctx), prober.ErrShutdown):
		panic(prober.ErrShutdown)
	}
	panic(errUncomputed)
}

// heed puts a call of heedFunc before what the loop does in each turn, if that may be much.
func (r *rewriter) heed(loop *ast.BuiltinNode) {
	for _, arg := range loop.Arguments {
		turn, ok := arg.(*ast.PredicateNode)
		if !ok || ast.Find(turn.Node, grows) == nil {
			continue
		}
		call := &ast.CallNode{Callee: &ast.IdentifierNode{Value: heedFunc}}
		turn.Node = &ast.SequenceNode{Nodes: []ast.Node{call, turn.Node}}
		r.heeds = true
	}
}

// comparing are the operators that look at their sides until they differ.
var comparing = []string{"==", "!=", "<", "<=", ">", ">="}

// steady are those that take no longer for more.
var steady = []string{"-", "*", "/", "%", "^", "**", "&&", "||", "and", "or", "??"}

// grows reports whether what a node itself does may take longer, the more the answer has.
func grows(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.BuiltinNode:
		return true
	case *ast.CallNode:
		return !isAccess(n)
	case *ast.BinaryNode:
		if slices.Contains(comparing, n.Operator) { // all turns together look at the list once
			return !ofTurn(n.Left) && !ofTurn(n.Right)
		}
		return !slices.Contains(steady, n.Operator)
	}
	return false
}

// ofTurn reports whether a node is something else in each turn of a loop, or a constant: it
// is, in all turns together, no more than the list has.
func ofTurn(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.NilNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.ConstantNode, *ast.PointerNode:
		return true
	case *ast.MemberNode:
		return ofTurn(n.Node)
	case *ast.ChainNode:
		return ofTurn(n.Node)
	case *ast.CallNode:
		return isAccess(n) && ofTurn(n.Arguments[0])
	}
	return false
}

// isAccess reports whether a call stands for an access to a member.
func isAccess(n *ast.CallNode) bool {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	return ok && (callee.Value == memberFunc || callee.Value == headerFunc)
}
