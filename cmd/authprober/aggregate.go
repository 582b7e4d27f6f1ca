package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/aggregate"
	"github.com/authprober/authprober/prober/alertmanager"
	"github.com/authprober/authprober/prober/web"
)

func (a *app) aggregateCommand() *cobra.Command {
	var flags aggregateFlags
	cmd := &cobra.Command{
		Use:   "aggregate --url URL {PATH... | --runs COUNTER --failures COUNTER}",
		Short: "Judge the runs of all instances together, or real logins, from Prometheus",
		Long: `Read the counters of all instances from a Prometheus, or from what has its HTTP API such
as Thanos and Mimir, and judge them as one stream: three locations see what 2 % of the
logins meet in a third of the time. It serves metrics, health and a status page at
AUTHPROBER_LISTEN as run does, and gives alerts to AUTHPROBER_ALERTMANAGER_URLS. What it
judges is named all:NAME, and has the gauges of a check and no counters of runs.

With PATHs, NAME is each flow, which is judged by its own objective, with the labels it has.
The runs to a false page are those that all instances make: as many as there were series of
the flow's runs at once, the most that were seen. The flows of an objective.group are judged
together as well, as all:group:NAME: a run counts once in either.

With --runs and --failures it watches any two counters, such as the logins of customers, as
a bank counts them. Each is a counter, or a sum of one: 'sum by (app) (logins_total)'; NAME
is the values of these labels, or what --name says. --tolerate, --detect, --false-pages and
--blip are the objective. The runs to a false page are those of the busiest hour there was,
and nothing is judged before there are 10 minutes to tell a pace by. Restarts of what
counts, gaps and what is read twice make no difference; the first value of a series counts
nothing, so let counters be there at zero.

It keeps nothing: it begins with --replay, and goes on. An API that does not answer is asked
again, and nothing is lost meanwhile; an answer with warnings, from which something is missing,
for five minutes, and then what is missing is a gap. Every part of Prometheus' API that is
used is a query of raw samples, such as logins_total[5m]. Of flows it reads name, labels,
schedule and objective: their secrets, accounts and variables need not be there.

SIGHUP has flows and --http-config read again, and the past with them. With any mistake in
them, or an API that does not answer, all goes on as it was, and the log has it.

--once judges the past that --replay names, prints how all stand, and ends with 1 if one is
firing. With --json that is one object for each, in one line:

  check, state, since           all:NAME or all:group:NAME; healthy, suspect or firing; since when, or null
  evidence                      1 is a page
  failed, n, ratio, lower, upper
                                of the past, with the 95 % interval; ratio is null without runs
  instances, runs_to_false_page
  resets                        counters that began anew
  held                          runs that are not judged, as too little is known of the pace

Ends with 2 if the command line or the configuration is wrong, with 3 if there is no answer.`,
		Example: `  authprober aggregate --url http://prometheus:9090 flows/
  authprober aggregate --url https://mimir.bank.example/prometheus --http-config mimir.yaml flows/
  authprober aggregate --url http://prometheus:9090 --once flows/
  authprober aggregate --url http://thanos:10902 --runs 'sum by (app) (logins_total)' \
    --failures 'sum by (app) (logins_total{outcome="error"})' --tolerate 0.1% --detect 2% \
    --false-pages '1 per 30d' --label team=identity`,
		RunE: action(func(cmd *cobra.Command, args []string) error {
			flags.set = cmd.Flags().Changed
			return a.aggregate(cmd.Context(), args, &flags)
		}),
	}
	flags.add(cmd)
	return cmd
}

// aggregate judges once, or until ctx is done.
func (a *app) aggregate(ctx context.Context, paths []string, flags *aggregateFlags) error {
	hup, stop := hangups()
	defer stop()
	s, err := a.settings()
	if err != nil {
		return err
	}
	log := a.logger(s)
	o, err := a.aggregated(paths, flags)
	if err != nil {
		return err
	}
	if flags.once {
		return a.aggregateOnce(ctx, o, flags)
	}
	outliveLog()
	defer zap.RedirectStdLog(log.Logger)() // net/http speaks to it
	a.limitMemory(s.MemoryLimit, log.Logger)
	for _, w := range a.unknownVariables() {
		log.Warn("configuration", zap.String("warning", w))
	}
	logs := prober.LogObserver{Log: log.Logger}
	p := &pooling{log: log.Logger, changed: []func(prober.StateChange){logs.ObserveStateChange}}
	p.load = func() (aggregate.Options, error) { return a.aggregated(paths, flags) }
	return a.aggregateOn(ctx, p, o, s, log, hup)
}

// aggregateOn judges and serves until ctx is done.
func (a *app) aggregateOn(ctx context.Context, p *pooling, o aggregate.Options, s settings, log logger, hup <-chan os.Signal) error {
	listener, err := web.Listen(ctx, string(s.Listen))
	if err != nil {
		return err
	}
	notify, err := a.notifying(s, listener, log)
	if err != nil {
		listener.Close()
		return err
	}
	registry := prober.NewRegistry()
	p.metrics, err = prober.NewPooledMetrics(registry, p.status, p.ready, version().Version, version().Revision, daemonOptions{notify: notify}.alertmanagers())
	if err := errors.Join(err, registry.Register(p)); err != nil {
		listener.Close()
		return err
	}
	var notifier *alertmanager.Notifier
	if notify != nil {
		notify.Labels["job"] = cmp.Or(s.AlertLabels["job"], aggregateJob)
		notify.Told = p.metrics.ObserveNotification
		notify.Status = func() []prober.CheckStatus { return p.status(time.Now()) }
		if notifier, err = alertmanager.New(*notify); err != nil {
			listener.Close()
			return err
		}
		p.changed = append(p.changed, notifier.Changed)
	}
	p.begin(o)
	handler := web.Handler(web.Options{
		Gatherer: registry,
		Checks:   func() []prober.CheckStatus { return p.status(time.Now()) },
		Ready:    p.ready,
		Level:    log.level,
		Version:  version().Version,
		Log:      log.Logger,
	})
	log.Info("aggregating", zap.String("version", version().Version), zap.String("api", o.API.URL.String()),
		zap.String("url", s.WebConfig.scheme()+"://"+metAt(listener)))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.supervisor = a.manager().supervises(p.alive, log.Logger)
	said := p.supervisor.attend(ctx, aggregatingState, "Stopping")
	var working sync.WaitGroup
	working.Go(func() { p.run(ctx, hup) })
	if notifier != nil {
		working.Go(func() { tellWhenReady(ctx, p.ready, notifier) })
	}
	err = web.Serve(ctx, listener, handler, string(s.WebConfig), log.Logger)
	cancel()
	working.Wait()
	said()
	log.Info("stopped", zap.Error(err))
	return err
}

// tellWhenReady gives alerts directly, and none before it is known how the checks stand.
func tellWhenReady(ctx context.Context, ready func() bool, notifier *alertmanager.Notifier) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for !ready() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	notifier.Run(ctx)
}
