package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/web"
	"github.com/authprober/authprober/prober/web/api"
)

// handler serves what the daemon knows.
func (d *daemon) handler() http.Handler {
	o := web.Options{
		Gatherer: d.metrics,
		Checks:   func() []prober.CheckStatus { return d.judge.All(time.Now()) },
		Recent:   d.recent,
		History:  d.options.history,
		Pools:    func() []prober.PoolStatus { return d.config().Accounts.Status(time.Now()) },
		Accounts: func() []prober.AccountStatus { return d.config().Accounts.Each(time.Now()) },
		Flow:     func(check string) string { return d.config().Flow(check) },
		Prober:   d.itself,
		Ready:    d.prober.Running,
		Level:    d.options.log.level,
		Admin:    d.options.admin(),
		Drills:   d.judge,
		Reload:   d.reload,
		Version:  version().Version,
		Log:      d.options.log.Logger,
	}
	if demo := d.options.demo; demo != nil {
		o.Controls = demo.controls
		return demo.wrap(web.Handler(o))
	}
	return web.Handler(o)
}

// itself is what the daemon knows of itself.
func (d *daemon) itself() api.Prober {
	config := d.config()
	p := api.Prober{Revision: version().Revision, Configuration: d.options.shown, Warnings: warningTexts(config)}
	if read := d.read.Load(); read != nil {
		p.Reload = *read
	}
	for _, c := range config.Checks {
		demand := config.Demand(c, time.Hour)
		p.Requests += demand.Requests
		p.Logins += demand.Logins
	}
	return p
}

func warningTexts(config *checks.Config) []string {
	texts := []string{}
	for _, w := range config.Warnings {
		texts = append(texts, w.String())
	}
	return texts
}

// shown are the settings that a page shows: none whose value somebody may want to keep
// to themselves, such as a marker that a firewall goes by.
func (s settings) shown() []api.Setting {
	set := func(name string, value any) api.Setting {
		return api.Setting{Name: envPrefix + name, Value: fmt.Sprint(value)}
	}
	return []api.Setting{
		set("LISTEN", s.Listen), set("WEB_CONFIG_FILE", orUnset(string(s.WebConfig))),
		set("STATE_DIR", orUnset(string(s.StateDir))), set("PAUSE_FILE", orUnset(string(s.PauseFile))), set("GRACE", time.Duration(s.Grace)),
		set("HISTORY_AGE", time.Duration(s.HistoryAge)), set("HISTORY_SIZE", fmt.Sprintf("%d MiB", int64(s.HistorySize)>>20)),
	}
}

func orUnset(text string) string {
	if text == "" {
		return "not set"
	}
	return text
}
