package banktest

import (
	"net/http"
	"strings"
	"time"
)

// An Access is one request, as [Options].Log is told of it. No part of it is
// text that came from the client, but for the method.
type Access struct {
	At      time.Time     // the beginning, by the bank's clock
	Took    time.Duration // real time
	Step    string        // one of [Steps]; "admin" or "other" for other paths
	Method  string
	Status  int // 0 where nothing was answered
	Backend string
	Release string
	Faults  []Kind // those that met this request
}

// ServeHTTP answers one request; the package comment lists the endpoints. Like
// any handler it is safe for concurrent use.
func (b *Bank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	c := &call{request: r, step: stepOf(r.URL.Path), now: b.now(), backend: b.backendOf(r)}
	b.ledger.request(c.step) // before the answer: who has that may ask for the count
	seen := &statusWriter{ResponseWriter: w}
	a := Access{At: c.now, Step: c.step, Method: r.Method, Backend: c.backend.Name, Release: c.backend.Release}
	defer func() { // also when a fault aborts the answer
		a.Status, a.Took = seen.status, time.Since(start)
		if b.options.Log != nil {
			b.options.Log(a)
		}
	}()
	h := w.Header()
	h.Set("X-Backend", c.backend.Name)
	h.Set("X-Release", c.backend.Release)
	h.Set("Date", c.now.UTC().Format(http.TimeFormat))
	b.handle(seen, c, &a)
}

func (b *Bank) handle(w http.ResponseWriter, c *call, a *Access) {
	r := c.request
	if c.step == stepAdmin {
		b.administer(w, r).write(w)
		return
	}
	to, ok := routeOf(r.URL.Path)
	if !ok {
		refusePath.answer().write(w)
		return
	}
	if r.Method != to.method {
		notAllowed(to.method).answer().write(w)
		return
	}
	// Read before any fault: net/http notices that a client has gone only after
	// the whole body.
	body, why := readBody(w, r)
	if why != nil {
		why.answer().write(w)
		return
	}
	c.body = body
	b.perform(w, c, to, a)
}

// stepOf names what a path is for.
func stepOf(path string) string {
	if to, ok := routeOf(path); ok {
		return to.step
	}
	if strings.HasPrefix(path, "/-/") {
		return stepAdmin
	}
	return stepOther
}

func notAllowed(allow string) *refusal {
	return &refusal{status: 405, code: "method_not_allowed", about: "want " + allow, allow: allow}
}

// A statusWriter remembers what was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
