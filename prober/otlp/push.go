package otlp

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
)

// A Push sends every metric of a gatherer to a receiver, again and again, and once
// more at the end. Names, labels and values are those of a scrape; histograms go as
// exponential ones, which are Prometheus' native ones, without their classic buckets.
type Push struct {
	tally
	identity Identity
	gatherer prometheus.Gatherer
	provider *metric.MeterProvider
}

// NewPush returns a Push that has not started.
func NewPush(id Identity, g prometheus.Gatherer, log *zap.Logger) *Push {
	return &Push{tally: tally{signal: "metrics", log: log}, identity: id, gatherer: g}
}

// Start begins to push; [Push.Stop] has to follow.
func (p *Push) Start(ctx context.Context) error {
	exporter, err := otlpmetrichttp.New(ctx)
	if err != nil {
		return p.starting(err)
	}
	p.begin(exporter)
	return nil
}

func (p *Push) begin(exporter metric.Exporter) {
	reader := metric.NewPeriodicReader(countingMetrics{exporter, &p.tally},
		metric.WithProducer(bridge.NewMetricProducer(bridge.WithGatherer(p.gatherer))))
	p.provider = metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(p.identity.resource()))
}

// Stop pushes for the last time, until ctx is done, and returns when everything that
// Start began has ended.
func (p *Push) Stop(ctx context.Context) {
	if p.provider != nil {
		_ = p.provider.Shutdown(ctx) // what it could not push was counted
	}
}

// Status is how the pushing stands.
func (p *Push) Status() prober.ExportStatus { return p.tally.status() }
