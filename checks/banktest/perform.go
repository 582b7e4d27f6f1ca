package banktest

import (
	"context"
	"net/http"
	"time"
)

// A meeting is what the faults that meet one request come to together.
//
// The first fault of a kind that replaces or damages the answer decides what
// becomes of it. Delays add up before that, as clock skews do, a fault that fails
// open lets the request in and a flaw of the verifier refuses it whatever else
// happens.
type meeting struct {
	deciding         *Fault
	delay, skew      time.Duration
	failOpen         bool
	padding, foreign bool
	lax              []string
	limits           []Fault // that count requests, and may refuse this one
	flaws            flaws
	felt             []Fault // those that decide, delay or skew; the others are felt only where they change the answer
}

func combine(hits []Fault) (m meeting) {
	for _, f := range hits {
		switch {
		case f.Kind == KindFailOpen:
			m.failOpen = true
			continue // it has met the request only if it lets a dead token in
		case f.Kind == KindPadding:
			m.padding = true
			continue // and these only if they refuse what is right
		case f.Kind == KindForeign:
			m.foreign = true
			continue
		case f.Kind == KindAccepts:
			m.lax = append(m.lax, f.What)
			continue
		case f.Kind == KindAccountLimit || f.Kind == KindIPLimit:
			m.limits = append(m.limits, f)
			continue
		case m.flaws.add(f):
			continue // they meet a request if they change its answer
		case f.Kind == KindDelay:
			m.delay += f.For
		case f.Kind == KindClockSkew:
			m.skew += f.By
		case m.deciding == nil:
			m.deciding = &f
		default:
			continue
		}
		m.felt = append(m.felt, f)
	}
	return m
}

// perform does what a request asks, as the faults that meet it will have it.
func (b *Bank) perform(w http.ResponseWriter, c *call, to route, a *Access) {
	meet := combine(b.hits(sight{c.step, c.backend, c.request.Method, c.request.URL.Path}))
	deciding := meet.deciding
	c.failOpen, c.padding, c.foreign, c.skew = meet.failOpen, meet.padding, meet.foreign, meet.skew
	c.flaws, c.lax = meet.flaws, meet.lax
	for _, f := range meet.felt {
		b.noteFault(c, f.Kind, a)
	}
	if !wait(c.request.Context(), meet.delay) {
		panic(http.ErrAbortHandler)
	}
	if f, left := b.limited(c, meet.limits); left > 0 {
		b.noteFault(c, f.Kind, a)
		limited(left).write(w)
		return
	}
	if c.skew != 0 {
		w.Header().Set("Date", c.now.Add(c.skew).UTC().Format(http.TimeFormat))
	}
	if deciding != nil && deciding.replaces() {
		replace(w, c.request, deciding)
		return
	}
	result := to.do(b, c)
	if c.caught != "" {
		b.noteFault(c, c.caught, a)
	}
	if deciding == nil {
		result.write(w)
		return
	}
	damage(w, c.request, deciding, result)
}

func (b *Bank) noteFault(c *call, kind Kind, a *Access) {
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
