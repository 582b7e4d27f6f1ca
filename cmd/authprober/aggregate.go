package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
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
the flow's runs at once, the most that were seen.

With --runs and --failures it watches any two counters, such as the logins of customers, as
a bank counts them. Each is a counter, or a sum of one: 'sum by (app) (logins_total)'; NAME
is the values of these labels, or what --name says. --tolerate, --detect, --false-pages and
--blip are the objective. The runs to a false page are those of the busiest hour there was,
and nothing is judged before there are 10 minutes to tell a pace by. Restarts of what
counts, gaps and what is read twice make no difference; the first value of a series counts
nothing, so let counters be there at zero.

It keeps nothing: it begins with --replay, and goes on. An API that does not answer is asked
again, and nothing is lost meanwhile. Every part of Prometheus' API that is used is a query
of raw samples, such as logins_total[5m].

--once judges the past that --replay names, prints how all stand, and ends with 1 if one is
firing. With --json that is one object for each, in one line:

  check, state, since           all:NAME; healthy, suspect or firing; since when, or null
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
	defer zap.RedirectStdLog(log.Logger)() // net/http speaks to it
	a.limitMemory(s.MemoryLimit, log.Logger)
	for _, w := range a.unknownVariables() {
		log.Warn("configuration", zap.String("warning", w))
	}
	o.Log = log.Logger
	return a.aggregateOn(ctx, o, s, log)
}

// aggregateOn judges and serves until ctx is done.
func (a *app) aggregateOn(ctx context.Context, o aggregate.Options, s settings, log logger) error {
	listener, err := web.Listen(ctx, string(s.Listen))
	if err != nil {
		return err
	}
	notify, err := a.notifying(s, listener, log)
	if err != nil {
		listener.Close()
		return err
	}
	logs := prober.LogObserver{Log: log.Logger}
	o.Changed = append(o.Changed, logs.ObserveStateChange)
	var notifier *alertmanager.Notifier
	o.Changed = append(o.Changed, func(c prober.StateChange) {
		if notifier != nil {
			notifier.Changed(c)
		}
	})
	agg := aggregate.New(o)
	registry, metrics, err := aggregateMetrics(agg, daemonOptions{notify: notify}.alertmanagers())
	if err != nil {
		listener.Close()
		return err
	}
	if notify != nil {
		notify.Told = metrics.ObserveNotification
		notify.Status = func() []prober.CheckStatus { return agg.Status(time.Now()) }
		if notifier, err = alertmanager.New(*notify); err != nil {
			listener.Close()
			return err
		}
	}
	handler := web.Handler(web.Options{
		Gatherer: registry,
		Checks:   func() []prober.CheckStatus { return agg.Status(time.Now()) },
		Ready:    agg.Ready,
		Level:    log.level,
		Version:  version().Version,
		Log:      log.Logger,
	})
	log.Info("aggregating", zap.String("version", version().Version), zap.String("api", o.API.URL.String()),
		zap.String("url", s.WebConfig.scheme()+"://"+metAt(listener)))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var working sync.WaitGroup
	working.Go(func() { agg.Run(ctx) })
	if notifier != nil {
		working.Go(func() { tellWhenReady(ctx, agg, notifier) })
	}
	err = web.Serve(ctx, listener, handler, string(s.WebConfig), log.Logger)
	cancel()
	working.Wait()
	log.Info("stopped", zap.Error(err))
	return err
}

// tellWhenReady gives alerts directly, and none before it is known how the checks stand.
func tellWhenReady(ctx context.Context, agg *aggregate.Aggregator, notifier *alertmanager.Notifier) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for !agg.Ready() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
	notifier.Run(ctx)
}

func aggregateMetrics(agg *aggregate.Aggregator, alertmanagers []string) (*prometheus.Registry, *prober.PooledMetrics, error) {
	registry := prober.NewRegistry()
	metrics, err := prober.NewPooledMetrics(registry, agg.Status, version().Version, version().Revision, alertmanagers)
	return registry, metrics, errors.Join(err, registry.Register(agg))
}
