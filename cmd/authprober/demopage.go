package main

import (
	"fmt"
	"html/template"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/authprober/authprober/checks/banktest"
)

// demoBreaks are what somebody can do to the demo's bank from the page.
var demoBreaks = []struct {
	name, text string
	faults     []banktest.Fault
}{
	{"codes", "fail 20 % of the codes on b2", []banktest.Fault{{Step: banktest.StepOTP, Backend: "b2", Rate: 0.2, Kind: banktest.KindStatus, Status: 503}}},
	{"outage", "fail every login", []banktest.Fault{{Step: banktest.StepLogin, Kind: banktest.KindStatus, Status: 503}}},
	{"slow", "answer late", []banktest.Fault{{Step: banktest.StepAccounts, Rate: 0.3, Kind: banktest.KindHang}}},
	{"open", "let in who has no token", []banktest.Fault{{Step: banktest.StepAccounts, Backend: "b2", Kind: banktest.KindAccepts, What: "no_token"}}},
}

// demoFaultsPath is where the page's buttons lead. The daemon that people run has no
// such thing.
const demoFaultsPath = "/demo/faults"

// A demoPage is what the page of the demo has beside that of the daemon: buttons that
// break and mend the bank.
type demoPage struct{ bank *banktest.Server }

var demoControls = template.Must(template.New("").Parse(`<form class="demo" method="post" action="{{.Path}}" aria-label="the demo's bank">
<p><b>Demo</b> {{.Now}}</p>
<p>{{range .Breaks}}<button name="break" value="{{.Name}}">{{.Text}}</button> {{end}}<button name="heal" value="all">heal</button></p>
</form>
`))

// controls are the buttons, with what is wrong now.
func (d demoPage) controls() template.HTML {
	type button struct{ Name, Text string }
	view := struct {
		Path, Now string
		Breaks    []button
	}{Path: demoFaultsPath, Now: "the bank is as it should be"}
	for _, one := range demoBreaks {
		view.Breaks = append(view.Breaks, button{one.name, one.text})
	}
	if now := d.faults(); len(now) > 0 {
		view.Now = "the bank's faults: " + strings.Join(now, "; ")
	}
	var b strings.Builder
	if err := demoControls.Execute(&b, view); err != nil {
		return ""
	}
	return template.HTML(b.String()) //nolint:gosec // made by a template
}

// faults are those that meet anybody: not those of a release that no backend runs yet.
func (d demoPage) faults() (texts []string) {
	everywhere := strings.NewReplacer(" backend=*", "", " release=*", "", " rate=100%", "")
	for _, f := range d.bank.Faults() {
		if f.Release == "*" || slices.ContainsFunc(d.bank.Backends(), func(b banktest.Backend) bool { return b.Release == f.Release }) {
			texts = append(texts, everywhere.Replace(f.String()))
		}
	}
	return texts
}

// wrap adds what the buttons do. No page of another origin can press them.
func (d demoPage) wrap(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.Handle("POST "+demoFaultsPath, http.NewCrossOriginProtection().Handler(http.HandlerFunc(d.press)))
	return mux
}

// press breaks or mends the bank and leads back to the page.
func (d demoPage) press(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil || !isLoopback(host) { // a name of somebody else's that leads here
		http.Error(w, "want to be asked for by a loopback address", http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	if err := d.change(r.PostFormValue("break"), r.PostFormValue("heal")); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (d demoPage) change(name, heal string) error {
	if heal != "" {
		d.bank.ClearFaults()
		return nil
	}
	for _, one := range demoBreaks {
		if one.name != name {
			continue
		}
		for _, f := range one.faults {
			if _, err := d.bank.AddFault(f); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("want break= one of codes, outage, slow and open, or heal=all")
}
