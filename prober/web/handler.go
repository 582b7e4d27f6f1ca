package web

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/http"

	"github.com/authprober/authprober/prober"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// Options are what a handler serves.
type Options struct {
	// Gatherer is what /metrics shows, such as a [prober.Metrics].
	Gatherer prometheus.Gatherer
	// Checks returns how the checks stand now, to be shown in that order.
	Checks func() []prober.CheckStatus
	// Ready reports whether checks are being run, such as [prober.Prober.Running].
	Ready func() bool
	// Level is the level of the log, which may be changed.
	Level zap.AtomicLevel
	// Admin says who may change something.
	Admin Admin
	// Drills begins and ends drills, for those who may. Nil serves none.
	Drills Drills
	// Version is shown on the page; it may be empty.
	Version string
	// Log gets what goes wrong while serving. Nil discards it.
	Log *zap.Logger
}

//go:embed page.html style.css
var files embed.FS

// Handler returns the handler of everything that the package comment lists. It
// may be called by any goroutine, as may be the functions of opts.
func Handler(opts Options) http.Handler {
	if opts.Log == nil {
		opts.Log = zap.NewNop()
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(opts.Gatherer, promhttp.HandlerOpts{
		EnableOpenMetrics: true,
		ErrorLog:          gatherLog{opts.Log},
		ErrorHandling:     promhttp.HTTPErrorOnError,
	}))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "healthy") })
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		if opts.Ready() {
			answer(w, http.StatusOK, "ready")
		} else {
			answer(w, http.StatusServiceUnavailable, "not ready: no checks are being run")
		}
	})
	serveAdmin(mux, opts)
	mux.Handle("GET /style.css", http.FileServerFS(files))
	mux.Handle("GET /{$}", &page{opts, template.Must(template.ParseFS(files, "page.html"))})
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

// secured lets no page do more than show itself.
func secured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy",
			"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		h.ServeHTTP(w, r)
	})
}
