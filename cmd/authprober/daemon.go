package main

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/alertmanager"
	"github.com/authprober/authprober/prober/control"
	"github.com/authprober/authprober/prober/history"
	"github.com/authprober/authprober/prober/web"
	"github.com/authprober/authprober/prober/web/api"
)

// daemonOptions are what a daemon is made of.
type daemonOptions struct {
	config    *checks.Config // at the start; see daemon.replace
	listener  net.Listener   // the daemon's once it runs
	webConfig webConfig
	log       logger
	adminOn   bool // whether there are admin endpoints
	grace     time.Duration
	paused    func() bool // whether all checks are paused; nil for never
	otel      otelSettings
	userAgent string
	heartbeat heartbeatURL
	control   *control.Control // looks at ourselves; nil for not at all
	manager   manager
	first     []prober.Observer          // told before all others
	changed   []func(prober.StateChange) // told by the judge
	demo      *demoPage                  // what the demo's page has beside; nil elsewhere
	shown     []api.Setting              // of the settings
	notify    *alertmanager.Options      // how to give alerts directly; nil for not at all
	history   *history.Store             // what has happened; whoever made it closes it
}

// A daemon runs checks and serves what it sees of them.
type daemon struct {
	options daemonOptions
	judge   *prober.Judge
	metrics *prober.Metrics
	prober  *prober.Prober
	recent  *web.Recent
	export  *export
	beats   *control.Heartbeat // nil where nobody listens
	current atomic.Pointer[checks.Config]
	read    atomic.Pointer[api.Reload] // how the configuration was read last; nil before it was read again
	reload  func() error               // reads the configuration again; nil where nobody can

	notifier *alertmanager.Notifier // nil where alerts are not given directly
}

func newDaemon(ctx context.Context, o daemonOptions) (*daemon, error) {
	d := &daemon{options: o, export: newExport(o)}
	d.current.Store(o.config)
	var err error
	if d.notifier, err = d.newNotifier(o); err != nil {
		return nil, err
	}
	first, changed := o.first, append(o.changed, o.history.ObserveStateChange)
	if d.notifier != nil { // before the judge, whose verdict it explains; and told of a change once the history knows of it
		first, changed = append(first, d.notifier), append(changed, d.notifier.Changed)
	}
	logs := prober.LogObserver{Log: o.log.Logger}
	if d.judge, err = prober.NewJudge(o.config.Checks, append(changed, logs.ObserveStateChange)...); err != nil {
		return nil, err
	}
	d.judge.OnDrill(logs.ObserveDrill)
	if d.notifier != nil {
		d.judge.OnDrill(d.notifier.Drilled)
	}
	d.restore(ctx)
	d.metrics, err = prober.NewMetrics(prober.MetricsOptions{
		Checks:        o.config.Checks,
		Registry:      prober.NewRegistry(),
		Judge:         d.judge,
		Pools:         func() []prober.PoolStatus { return d.config().Accounts.Status(time.Now()) },
		History:       o.history.Status,
		Alertmanagers: o.alertmanagers(),
		Exports:       d.export.status,
		Control:       d.controlStatus,
		Version:       version().Version,
		Revision:      version().Revision,
	})
	if err != nil {
		return nil, err
	}
	d.metrics.ObserveReload(true, time.Now())
	d.export.pushFrom(o, d.metrics)
	past := o.history
	d.recent = web.NewRecent(o.config.Checks, func(*prober.Run) int64 { return int64(past.LastID()) })
	if err := d.recent.Restore(ctx, o.history); err != nil {
		o.log.Error("the last runs are not known", zap.Error(err))
	}
	d.prober, err = prober.New(prober.Options{
		Checks:    o.config.Checks,
		Observers: append(append(first, d.metrics, d.judge, o.history, logs, d.recent), d.export.observers()...),
		Log:       o.log.Logger,
		Grace:     o.grace,
		Paused:    o.paused,
		Excuse:    o.excuse(),
	})
	if err != nil {
		return nil, err
	}
	d.beats = d.heartbeat()
	d.options.config = nil // it is the current one until the first reload, and then nobody's
	return d, err
}

// url is where the daemon is met from this machine.
func (d *daemon) url() string {
	host, port, _ := net.SplitHostPort(d.options.listener.Addr().String())
	return d.options.webConfig.scheme() + "://" + net.JoinHostPort(reachableHost(host), port)
}

// run serves and runs checks until ctx is done. Then it lets the runs in flight
// clean up while metrics are still served, exports what is left, and stops serving last. It returns
// when everything that it started has ended.
func (d *daemon) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	served := make(chan error, 1)
	go func() {
		defer cancel() // without its metrics nobody would know of a failure
		served <- web.Serve(serving, d.options.listener, tidyAfter(d.handler()), string(d.options.webConfig), d.options.log.Logger)
	}()
	stopLooking := d.look(ctx)
	stopTelling := d.tell(ctx)
	err := d.export.start(ctx)
	if err == nil {
		said := d.supervised().ready(ctx, len(d.config().Checks))
		err = d.prober.Run(ctx)
		said()
	}
	stopLooking()
	stopTelling()
	d.export.stop(context.WithoutCancel(ctx), d.options.grace)
	stopServing()
	return errors.Join(err, <-served)
}
