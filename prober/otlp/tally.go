package otlp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
)

// Quiet keeps the SDK from writing on its own, which it does for the process as a whole
// and with what it was given, keys too. What fails to be exported is told by the
// exporters here; what else there is goes to the log by its type alone.
func Quiet(log *zap.Logger) {
	otel.SetLogger(logr.Discard())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Warn("OpenTelemetry", zap.String("error", plain(err)))
	}))
}

// A tally counts exports, and logs when they begin to fail and when they succeed again.
type tally struct {
	signal string
	log    *zap.Logger

	mu            sync.Mutex
	total, failed uint64
	failing       bool
}

// ended notes how an export went. The error it returns is nil: whoever asked for the
// export could only log it again.
func (t *tally) ended(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total++
	was := t.failing
	t.failing = err != nil
	switch {
	case err != nil:
		t.failed++
		if !was {
			t.log.Warn("exporting over OTLP fails", zap.String("signal", t.signal), zap.String("error", plain(err)))
		}
	case was:
		t.log.Info("exporting over OTLP succeeds again", zap.String("signal", t.signal))
	}
	return nil
}

func (t *tally) starting(err error) error {
	return fmt.Errorf("starting to export %s over OTLP: %s", t.signal, plain(err))
}

func (t *tally) status() prober.ExportStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	return prober.ExportStatus{Signal: t.signal, Exports: t.total, Failed: t.failed}
}

// httpStatus finds what the SDK says an answer was.
var httpStatus = regexp.MustCompile(`\b[1-5][0-9][0-9] [A-Z][A-Za-z -]+`)

// plain says what went wrong, without the receiver's URL or its answer.
func plain(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err.Error()
	}
	switch status := httpStatus.FindString(err.Error()); {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "stopped before it was sent"
	case status != "":
		return "the receiver answers " + strings.TrimSpace(status)
	}
	return fmt.Sprintf("the receiver did not take it (%T)", err)
}

// countingSpans tallies what a span exporter does, and has it give up when until is
// done: the SDK's queue would let a receiver that hangs hold up the end.
type countingSpans struct {
	sdktrace.SpanExporter
	tally *tally
	until context.Context
}

func (c countingSpans) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.until, cancel)()
	return c.tally.ended(c.SpanExporter.ExportSpans(ctx, spans))
}

// countingMetrics tallies what a metric exporter does.
type countingMetrics struct {
	metric.Exporter
	tally *tally
}

func (c countingMetrics) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	return c.tally.ended(c.Exporter.Export(ctx, m))
}
