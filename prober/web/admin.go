package web

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/authprober/authprober/prober"
	"go.uber.org/zap"
)

// An Admin says who may change something over HTTP. The zero value is nobody.
//
// A request passes its gate if there are admin endpoints; if everybody who is served
// has shown who they are, or can come from this machine alone and asks for it by its
// address; and if no page of another origin has made a browser send it.
type Admin struct {
	// On says that there are admin endpoints.
	On bool
	// Loopback says that the listener is met from this machine alone.
	Loopback bool
	// Authenticated reports whether everybody has to show who they are, as things stand:
	// the web configuration is read anew for each request. Nil is that nobody has.
	Authenticated func() bool
}

// serveAdmin serves what changes something.
func serveAdmin(mux *http.ServeMux, opts Options) {
	mux.Handle("GET /-/log-level", opts.Level)
	mux.Handle("PUT /-/log-level", opts.Admin.gate(opts.Log, opts.Level))
	if opts.Reload != nil {
		mux.Handle("POST /-/reload", opts.Admin.gate(opts.Log, reload(opts.Reload)))
	}
	if opts.Drills != nil {
		h := opts.Admin.gate(opts.Log, drill(opts.Drills))
		mux.Handle("POST /-/drill", h)
		mux.Handle("DELETE /-/drill", h)
	}
}

// gate lets nobody through to h but who may change something. Whoever is let through
// is logged.
func (a Admin) gate(log *zap.Logger, h http.Handler) http.Handler {
	origins := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch why := a.refusal(r); {
		case !a.On:
			answer(w, http.StatusNotFound, "the admin endpoints are off; AUTHPROBER_ADMIN=on has them")
		case why != "":
			answer(w, http.StatusForbidden, why)
		case origins.Check(r) != nil:
			answer(w, http.StatusForbidden, "a page of another origin has sent this: the admin endpoints are for none")
		default:
			user, _, _ := r.BasicAuth() // a name that the web configuration has, if it asks for any
			log.Warn("admin", zap.String("method", r.Method), zap.String("path", r.URL.Path), zap.String("user", a.known(user)), zap.String("from", r.RemoteAddr))
			h.ServeHTTP(w, r)
		}
	})
}

// known is a user who has shown who they are; "" is nobody.
func (a Admin) known(user string) string {
	if a.Authenticated != nil && a.Authenticated() {
		return user
	}
	return ""
}

// refusal says why the request may change nothing; "" if it may.
func (a Admin) refusal(r *http.Request) string {
	switch {
	case a.Authenticated != nil && a.Authenticated():
		return ""
	case !a.Loopback:
		return "the admin endpoints want a web configuration that asks for a password or a client certificate, or a loopback address to listen on"
	case !namesLoopback(r.Host):
		// A name that resolves to loopback may be an attacker's, whose pages then are of
		// our origin.
		return "the admin endpoints want to be asked for as localhost or by a loopback address"
	}
	return ""
}

// namesLoopback reports whether a Host is that of this machine, whoever resolves it.
func namesLoopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(trimBrackets(host))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func trimBrackets(host string) string {
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		return host[1 : n-1]
	}
	return host
}

// reload answers once the configuration has been read again: with 422 and every mistake
// where it is refused, and all goes on as it was.
func reload(again func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := again(); err != nil {
			answer(w, http.StatusUnprocessableEntity, "refused, and all goes on as it was:\n"+err.Error())
			return
		}
		answer(w, http.StatusOK, "reloaded")
	}
}

// Drills are what begins and ends drills, such as a [prober.Judge].
type Drills interface {
	Drill(check string, length time.Duration, now time.Time) (prober.Drill, error)
	EndDrill(check string, now time.Time) error
}

// maxForm is the longest form that an admin endpoint reads.
const maxForm = 4 << 10

// drill answers POST with check and for, which begins a drill, and DELETE with check,
// which ends it; both as a query or a form.
func drill(drills Drills) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		form, err := formOf(r)
		if err != nil {
			answer(w, http.StatusBadRequest, "want check and for as a query or a form")
			return
		}
		now := time.Now()
		out := struct {
			Check string    `json:"check"`
			Drill bool      `json:"drill"`
			Until time.Time `json:"until,omitzero"`
		}{Check: form.Get("check"), Drill: r.Method == http.MethodPost}
		if out.Drill {
			length, bad := time.ParseDuration(form.Get("for"))
			if bad != nil {
				answer(w, http.StatusBadRequest, "want for=, a time such as 2m, from 1s to 1h")
				return
			}
			var d prober.Drill
			d, err = drills.Drill(out.Check, length, now)
			out.Until = d.Until.UTC().Round(0)
		} else {
			err = drills.EndDrill(out.Check, now)
		}
		switch {
		case errors.Is(err, prober.ErrNoCheck):
			answer(w, http.StatusNotFound, "there is no check of that name")
		case err != nil:
			answer(w, http.StatusBadRequest, "want for=, a time such as 2m, from 1s to 1h")
		default:
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			json.NewEncoder(w).Encode(out) // nobody is left to tell if it fails
		}
	}
}

func formOf(r *http.Request) (url.Values, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	return r.Form, nil
}
