package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/web/api"
)

// mostAccounts is how many accounts the page lists. The API has all.
const mostAccounts = 500

// An accountLine is an account of the list.
type accountLine struct {
	api.Account
	Class string
	Since *ago
	Until *ago
}

func (p *pages) accounts(w http.ResponseWriter, r *http.Request) {
	all, now := p.testAccounts(), time.Now()
	view := struct {
		base
		Pools    []api.Pool
		Accounts []accountLine
		More     int
		Capped   bool // some account has a cap of its own
	}{base: p.base(r, "Accounts"), Pools: all.Pools, More: max(0, len(all.Accounts)-mostAccounts)}
	for _, a := range all.Accounts[:len(all.Accounts)-view.More] {
		line := accountLine{Account: a, Class: accountClass[a.State]}
		if a.Since != nil {
			line.Since = newAgo(*a.Since, now, "for")
		}
		if a.Until != nil {
			line.Until = newAgo(*a.Until, now, "in")
		}
		view.Capped = view.Capped || len(a.Budgets) > 0
		view.Accounts = append(view.Accounts, line)
	}
	p.show(w, "accounts", view)
}

var accountClass = map[string]string{string(prober.AccountQuarantined): "firing", string(prober.AccountResting): "suspect"}

// accountOrder has those in trouble first.
var accountOrder = []prober.AccountState{prober.AccountQuarantined, prober.AccountResting, prober.AccountLeased, prober.AccountCooling, prober.AccountFree}

func (p *pages) testAccounts() api.Accounts {
	out := api.Accounts{Pools: []api.Pool{}, Accounts: []api.Account{}}
	if p.opts.Pools != nil {
		for _, s := range p.opts.Pools() {
			out.Pools = append(out.Pools, api.NewPool(s))
		}
	}
	if p.opts.Accounts != nil {
		each := p.opts.Accounts()
		slices.SortStableFunc(each, func(a, b prober.AccountStatus) int {
			return cmp.Compare(slices.Index(accountOrder, a.State), slices.Index(accountOrder, b.State))
		})
		for _, s := range each {
			out.Accounts = append(out.Accounts, api.NewAccount(s))
		}
	}
	return out
}

// itself is how the prober is.
func (p *pages) itself() api.Prober {
	var out api.Prober
	if p.opts.Prober != nil {
		out = p.opts.Prober()
	}
	if out.Configuration == nil {
		out.Configuration = []api.Setting{}
	}
	if out.Warnings == nil {
		out.Warnings = []string{}
	}
	out.History = p.historyItself()
	last, worst := p.opts.Recent.Lag()
	out.Version, out.Running, out.Checks = p.opts.Version, p.opts.Ready(), len(p.opts.Checks())
	out.Lag, out.WorstLag, out.Started = last.Seconds(), worst.Seconds(), p.opts.Recent.begin.UTC().Round(0)
	return out
}

func (p *pages) prober(w http.ResponseWriter, r *http.Request) {
	it, now := p.itself(), time.Now()
	running := "no"
	if it.Running {
		running = "yes"
	}
	reload := "well, " + agoText(now.Sub(it.Reload.At))
	if !it.Reload.OK {
		reload = "in vain " + agoText(now.Sub(it.Reload.At)) + ": " + it.Reload.Error
	}
	if it.Reload.At.IsZero() {
		reload = "at the start"
	}
	facts := []fact{
		{Name: "version", Value: it.Version}, {Name: "runs checks", Value: running},
		{Name: "began", Value: it.Started.Format("2006-01-02 15:04:05 UTC") + ", " + agoText(now.Sub(it.Started))},
		{Name: "checks", Value: fmt.Sprint(it.Checks)},
		{Name: "schedule lag", Value: took(it.Lag) + " at the last run, " + took(it.WorstLag) + " at worst of the last 256"},
		{Name: "configuration was read", Value: reload},
	}
	if it.Revision != "" {
		facts[0].Value += ", " + it.Revision
	}
	if it.Requests > 0 {
		facts = append(facts, fact{Name: "asks for at the most", Value: fmt.Sprintf("%.0f requests and %.0f logins an hour", it.Requests, it.Logins)})
	}
	if h := it.History; h != nil {
		facts = append(facts, fact{Name: "history", Value: historyText(h)})
	}
	p.show(w, "prober", struct {
		base
		Prober api.Prober
		Facts  []fact
	}{p.base(r, "Prober"), it, facts})
}

func historyText(h *api.History) string {
	text := "in memory, ends with the process"
	if h.Durable {
		text = h.File
	}
	text += fmt.Sprintf("; %.1f MB", float64(h.Bytes)/1e6)
	if h.Oldest != nil {
		text += ", since " + h.Oldest.Format("2006-01-02 15:04 UTC")
	}
	if h.WritesFailed > 0 || h.Dropped > 0 {
		text += fmt.Sprintf("; %d writes failed, %d records are not in it: %s", h.WritesFailed, h.Dropped, h.LastError)
	}
	return text
}
