package banktest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"slices"
	"time"
)

func (p *Proxy) complain(err error) {
	if p.options.ErrorLog != nil {
		p.options.ErrorLog.Printf("proxy: %v", err)
		return
	}
	log.Printf("proxy: %v", err)
}

// ServeHTTP answers one request.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isFaultPath(r.URL.Path) || r.URL.Path == "/-/stats" {
		p.administer(w, r).write(w)
		return
	}
	p.count(func(s *ProxyStats) { s.Requests++ })
	m := combine(p.hits(sight{method: r.Method, path: r.URL.Path}))
	if len(m.felt) == 0 {
		p.reverse.ServeHTTP(w, r)
		return
	}
	p.disturb(w, r, m)
}

func (p *Proxy) administer(w http.ResponseWriter, r *http.Request) answer {
	body, why := readBody(w, r)
	switch {
	case why != nil:
		return why.answer()
	case r.URL.Path == "/-/stats":
		return adminStats(r.Method, p.Stats())
	}
	return p.admin(r.Method, r.URL.Path, body)
}

// maxProxyBody is the longest body that the proxy keeps.
const maxProxyBody = 16_000_000

// disturb answers a request that faults have met.
func (p *Proxy) disturb(w http.ResponseWriter, r *http.Request, m meeting) {
	// Read before any fault, as at the bank.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxProxyBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		failure(http.StatusRequestEntityTooLarge).write(w)
		return
	} else if err != nil {
		panic(http.ErrAbortHandler) // the client has gone
	}
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	if m.skew != 0 {
		w = &skewedWriter{w, m.skew}
	}
	if m.deciding == nil {
		p.felt(m.felt)
		p.delay(r, m)
		p.reverse.ServeHTTP(w, r)
		return
	}
	if m.deciding.replaces() {
		p.felt(m.felt)
		p.delay(r, m)
		replace(w, r, m.deciding)
		return
	}
	p.delay(r, m)
	p.damage(w, r, m)
}

func (p *Proxy) delay(r *http.Request, m meeting) {
	if !wait(r.Context(), m.delay) {
		panic(http.ErrAbortHandler)
	}
}

// damage asks the target and spoils what it says, if that can be spoilt.
func (p *Proxy) damage(w http.ResponseWriter, r *http.Request, m meeting) {
	kept := &keeper{header: http.Header{}}
	p.reverse.ServeHTTP(kept, r.WithContext(context.WithValue(r.Context(), plainKey{}, true)))
	a := answer{status: kept.status, body: kept.body.Bytes(), header: kept.header}
	if !m.deciding.spoils(a) {
		p.felt(slices.DeleteFunc(m.felt, func(f Fault) bool { return f.ID == m.deciding.ID }))
		a.write(w)
		return
	}
	p.felt(m.felt)
	damage(w, r, m.deciding, a)
}

// A skewedWriter answers by a clock that is off.
type skewedWriter struct {
	http.ResponseWriter
	by time.Duration
}

func (w *skewedWriter) WriteHeader(status int) {
	at, err := http.ParseTime(w.Header().Get("Date"))
	if err != nil {
		at = time.Now()
	}
	w.Header().Set("Date", at.Add(w.by).UTC().Format(http.TimeFormat))
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (w *skewedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// A keeper keeps an answer, up to maxProxyBody, in place of sending it.
type keeper struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *keeper) Header() http.Header { return k.header }

func (k *keeper) WriteHeader(status int) {
	if status >= 200 { // what comes before is not the answer
		k.status = status
	}
}

func (k *keeper) Write(b []byte) (int, error) {
	if k.body.Len()+len(b) > maxProxyBody {
		return 0, errors.New("the answer is too long to be damaged")
	}
	return k.body.Write(b)
}

// Flush has nothing to do.
func (k *keeper) Flush() {}
