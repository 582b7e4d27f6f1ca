package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"

	"go.uber.org/zap"
)

// The pages, which know the options and are otherwise without state.
type pages struct {
	opts      Options
	templates map[string]*template.Template
	assets    string // changes with the assets, so that they may be kept for ever
	plans     plans
	told      bool // of runs; else what Checks says is read elsewhere
}

var pageNames = []string{"overview", "check", "run", "runs", "plan", "accounts", "prober", "missing"}

func newPages(opts Options) *pages {
	p := &pages{opts: opts, templates: map[string]*template.Template{}, assets: assetsHash()}
	shared := template.Must(template.New("").Funcs(template.FuncMap{"took": took, "share": share, "span": span}).
		ParseFS(files, "templates/base.html", "templates/row.html", "templates/chart.html"))
	for _, name := range pageNames {
		t := template.Must(template.Must(shared.Clone()).ParseFS(files, "templates/"+name+".html"))
		p.templates[name] = t.Lookup(name + ".html")
	}
	return p
}

func assetsHash() string {
	h := sha256.New()
	err := fs.WalkDir(files, "assets", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(path)
		h.Write(text)
		return err
	})
	if err != nil {
		panic(fmt.Sprintf("web: reading what is embedded: %v", err))
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// serve puts the pages, the API and what they need on a mux.
func (p *pages) serve(mux *http.ServeMux) {
	page := func(pattern string, f http.HandlerFunc) {
		mux.Handle("GET "+pattern, compressed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := r.ParseForm(); err != nil {
				p.missing(w, r, http.StatusBadRequest, "The query of the address cannot be read.")
				return
			}
			f(w, r)
		})))
	}
	page("/{$}", p.overview)
	page("/checks/{check}", p.check)
	page("/checks/{check}/plan", p.plan)
	page("/runs", p.listRuns)
	page("/runs/{run}", p.run)
	page("/accounts", p.accounts)
	page("/prober", p.prober)
	p.serveAPI(mux)
	mux.Handle("GET /live", &broadcaster{touched: p.touched, generation: p.generation, rows: p.rows, shown: p.shown, log: p.opts.Log})
	mux.Handle("GET /assets/", compressed(http.HandlerFunc(p.asset)))
}

// asset serves a file that pages ask for by a name that changes with it.
func (p *pages) asset(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery == p.assets {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeFileFS(w, r, files, strings.TrimPrefix(r.URL.Path, "/"))
}

// A base is what every page shows.
type base struct {
	Title, Version, Assets string
	Live                   string // where to listen for changes; "" for nowhere
	Refresh                bool   // by itself, where there is no script
	Ready                  bool
	Nav                    []navLink
}

type navLink struct {
	Name, Path string
	Here       bool
}

func (p *pages) base(r *http.Request, here string) base {
	b := base{Title: here + " · authprober", Version: p.opts.Version, Assets: p.assets, Ready: p.opts.Ready()}
	for _, n := range []navLink{{Name: "Overview", Path: "/"}, {Name: "Runs", Path: "/runs"}, {Name: "Accounts", Path: "/accounts"}, {Name: "Prober", Path: "/prober"}} {
		n.Here = n.Name == here && r.URL.Path == n.Path
		b.Nav = append(b.Nav, n)
	}
	return b
}

func (p *pages) show(w http.ResponseWriter, name string, view any) {
	p.showAs(w, http.StatusOK, name, view)
}

func (p *pages) showAs(w http.ResponseWriter, status int, name string, view any) {
	var b bytes.Buffer // so that an error is not half a page
	if err := p.templates[name].Execute(&b, view); err != nil {
		p.opts.Log.Error("page", zap.Error(err))
		answer(w, http.StatusInternalServerError, "the page could not be made; see the log")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(b.Bytes()) // nobody is left to tell if it fails
}

// missing shows that there is no such thing.
func (p *pages) missing(w http.ResponseWriter, r *http.Request, status int, text string) {
	b := p.base(r, "Not found")
	p.showAs(w, status, "missing", struct {
		base
		Text string
	}{b, text})
}
