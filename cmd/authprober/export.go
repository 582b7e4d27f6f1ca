package main

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/otlp"
)

// An export is what a daemon tells an OpenTelemetry receiver; either may be nil.
type export struct {
	traces *otlp.Traces
	push   *otlp.Push
}

// newExport makes what the settings ask for, and nothing where they ask for nothing.
func newExport(o daemonOptions) *export {
	e := &export{}
	if o.otel.Traces || o.otel.Metrics {
		otlp.Quiet(o.log.Logger)
	}
	if o.otel.Traces {
		e.traces = otlp.NewTraces(o.identity(), o.otel.Sampler, o.log.Logger)
	}
	return e
}

// pushFrom has what is gathered pushed, if the settings ask for it.
func (e *export) pushFrom(o daemonOptions, g prometheus.Gatherer) {
	if o.otel.Metrics {
		e.push = otlp.NewPush(o.identity(), g, o.log.Logger)
	}
}

// identity is the same after a restart on the same machine and port.
func (o daemonOptions) identity() otlp.Identity {
	host, _ := os.Hostname()
	_, port, _ := net.SplitHostPort(o.listener.Addr().String())
	return otlp.Identity{Version: version().Version, Instance: net.JoinHostPort(host, port)}
}

// observers are those of the export.
func (e *export) observers() []prober.Observer {
	if e.traces == nil {
		return nil
	}
	return []prober.Observer{e.traces}
}

// status is how the export stands, for the metrics.
func (e *export) status() (all []prober.ExportStatus) {
	if e.traces != nil {
		all = append(all, e.traces.Status())
	}
	if e.push != nil {
		all = append(all, e.push.Status())
	}
	return all
}

// start begins to export; stop has to follow, whatever the error.
func (e *export) start(ctx context.Context) error {
	var errs []error
	if e.traces != nil {
		errs = append(errs, e.traces.Start(ctx))
	}
	if e.push != nil {
		errs = append(errs, e.push.Start(ctx))
	}
	return errors.Join(errs...)
}

// stop sends what is left, within the time given.
func (e *export) stop(ctx context.Context, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var both sync.WaitGroup
	if e.traces != nil {
		both.Go(func() { e.traces.Stop(ctx) })
	}
	if e.push != nil {
		both.Go(func() { e.push.Stop(ctx) })
	}
	both.Wait()
}
