package banktest

import (
	"context"
	"net/http"
	"time"
)

// perform does what a request asks, as the faults that meet it will have it.
//
// The first fault of a kind that replaces or damages the answer decides what
// becomes of it. Delays add up before that, as clock skews do, a fault that fails
// open lets the request in and a flaw of the verifier refuses it whatever else
// happens.
func (b *Bank) perform(w http.ResponseWriter, c *call, to route, a *Access) {
	var deciding *Fault
	var delay time.Duration
	for _, f := range b.faults.hits(c.step, c.backend) {
		switch {
		case f.Kind == KindFailOpen:
			c.failOpen = true
			continue // it has met the request only if it lets a dead token in
		case f.Kind == KindPadding:
			c.padding = true
			continue // and these only if they refuse what is right
		case f.Kind == KindForeign:
			c.foreign = true
			continue
		case f.Kind == KindDelay:
			delay += f.For
		case f.Kind == KindClockSkew:
			c.skew += f.By
		case deciding == nil:
			deciding = &f
		default:
			continue
		}
		b.met(c, f.Kind, a)
	}
	if !wait(c.request.Context(), delay) {
		panic(http.ErrAbortHandler)
	}
	if c.skew != 0 {
		w.Header().Set("Date", c.now.Add(c.skew).UTC().Format(http.TimeFormat))
	}
	if deciding != nil && b.replace(w, c, deciding) {
		return
	}
	result := to.do(b, c)
	if c.accepted {
		b.met(c, KindFailOpen, a)
	}
	if c.caught != "" {
		b.met(c, c.caught, a)
	}
	if deciding == nil {
		result.write(w)
		return
	}
	b.damage(w, c, deciding, result)
}

func (b *Bank) met(c *call, kind Kind, a *Access) {
	a.Faults = append(a.Faults, kind)
	b.ledger.fault(FaultCount{Step: c.step, Backend: c.backend.Name, Kind: kind})
}

// wait reports whether ctx is still there after d.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
