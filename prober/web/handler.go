package web

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/history"
	"github.com/authprober/authprober/prober/web/api"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Options are what a handler serves. Its functions may be called by any goroutine.
type Options struct {
	// Gatherer is what /metrics shows, such as a [prober.Metrics].
	Gatherer prometheus.Gatherer
	// Checks returns how the checks stand now, groups among them.
	Checks func() []prober.CheckStatus
	// Recent has the last runs. It has to be told of runs after the judge that Checks
	// asks, and after the history. Nil stands for one that is told nothing:
	// then a check has changed when it was read anew, see [prober.PooledStatus].
	Recent *Recent
	// History has the runs before those. Nil is none.
	History *history.Store
	// Pools returns how the pools of accounts stand. Nil is none.
	Pools func() []prober.PoolStatus
	// Accounts returns how each account stands. Nil is none.
	Accounts func() []prober.AccountStatus
	// Prober says how the prober itself is. Nil knows nothing but the version.
	Prober func() api.Prober
	// Flow returns the source of a check's flow, without secrets; "" where there is
	// none, as for a group. Nil knows none.
	Flow func(check string) string
	// Controls, unless nil, returns what the overview shows above the checks, such as
	// the demo's faults.
	Controls func() template.HTML
	// Ready reports whether checks are being run, such as [prober.Prober.Running].
	Ready func() bool
	// Level is the level of the log, which may be changed.
	Level zap.AtomicLevel
	// Admin says who may change something.
	Admin Admin
	// Drills begins and ends drills, for those who may. Nil serves none.
	Drills Drills
	// Reload reads the configuration again, all or nothing; its error is every mistake, a
	// line each. Nil serves no reload.
	Reload func() error
	// Version is shown on the pages; it may be empty.
	Version string
	// Log gets what goes wrong while serving. Nil discards it.
	Log *zap.Logger
}

//go:embed assets templates api/openapi.json
var files embed.FS

// Handler returns the handler of everything that the package comment lists. It
// may be called by any goroutine. It starts none but for streams that are under way.
func Handler(opts Options) http.Handler {
	if opts.Log == nil {
		opts.Log = zap.NewNop()
	}
	told := opts.Recent != nil
	if !told {
		opts.Recent = NewRecent(nil, nil)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics(opts))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "healthy") })
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if opts.Ready() {
			answer(w, http.StatusOK, "ready")
		} else {
			answer(w, http.StatusServiceUnavailable, "not ready: no checks are being run")
		}
	})
	serveAdmin(mux, opts)
	p := newPages(opts)
	p.told = told
	p.serve(mux)
	return secured(mux)
}

// A gatherLog writes what is wrong with the metrics.
type gatherLog struct{ log *zap.Logger }

func (l gatherLog) Println(v ...any) { l.log.Error("metrics", zap.String("error", fmt.Sprint(v...))) }

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n") // nobody is left to tell if it fails
}

// secured lets no page do more than show itself, ask its own origin and run the
// script that is a file of its own.
func secured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types authprober")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.ServeHTTP(w, r)
	})
}
