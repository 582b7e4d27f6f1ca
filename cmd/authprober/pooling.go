package main

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/aggregate"
)

const (
	// aggregateJob is the scrape job of an aggregator in the shipped configurations.
	aggregateJob     = "authprober-aggregate"
	aggregatingState = "READY=1\nSTATUS=Judging all instances together"
)

// A pooling runs an aggregator, and exchanges it for another one when the configuration is
// read again. It is safe for concurrent use once it has begun.
type pooling struct {
	load       func() (aggregate.Options, error)
	changed    []func(prober.StateChange)
	metrics    *prober.PooledMetrics
	supervisor supervisor
	log        *zap.Logger

	current atomic.Pointer[aggregate.Aggregator]
}

func (p *pooling) make(o aggregate.Options) *aggregate.Aggregator {
	o.Log, o.Changed = p.log, p.changed
	return aggregate.New(o)
}

// begin has an aggregator that has read nothing.
func (p *pooling) begin(o aggregate.Options) { p.current.Store(p.make(o)) }

// run reads until ctx is done, and the configuration again at each signal.
func (p *pooling) run(ctx context.Context, hup <-chan os.Signal) {
	for ctx.Err() == nil {
		stop := p.read(ctx)
		var next *aggregate.Aggregator
		for next == nil && ctx.Err() == nil {
			select {
			case <-hup:
				next = p.reload(ctx)
			case <-ctx.Done():
			}
		}
		stop()
		if next != nil {
			p.current.Store(next)
			p.log.Info("reloaded", zap.Int("checks", len(next.Status(time.Now()))))
		}
	}
}

// read has the current aggregator read. What it returns ends that.
func (p *pooling) read(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	reading.Go(func() { p.current.Load().Run(ctx) })
	return func() {
		cancel()
		reading.Wait()
	}
}

// reload returns an aggregator of what the files say now, which has read all that there is; nil
// where there is a mistake in them, or no answer.
func (p *pooling) reload(ctx context.Context) *aggregate.Aggregator {
	p.supervisor.reading()
	defer p.supervisor.tell(aggregatingState)
	o, err := p.load()
	var next *aggregate.Aggregator
	if err == nil {
		next = p.make(o)
		err = next.Poll(ctx, time.Now())
	}
	if ctx.Err() != nil {
		return nil
	}
	p.metrics.ObserveReload(err == nil, time.Now())
	if err != nil {
		logMistakes(p.log, err)
		return nil
	}
	return next
}

func (p *pooling) status(now time.Time) []prober.CheckStatus { return p.current.Load().Status(now) }

func (p *pooling) ready() bool { return p.current.Load().Ready() }

func (p *pooling) alive(_ context.Context, slack time.Duration) error {
	return p.current.Load().Alive(time.Now(), slack)
}

// Describe implements [prometheus.Collector].
func (p *pooling) Describe(ch chan<- *prometheus.Desc) { (*aggregate.Aggregator)(nil).Describe(ch) }

// Collect implements [prometheus.Collector].
func (p *pooling) Collect(ch chan<- prometheus.Metric) { p.current.Load().Collect(ch) }
