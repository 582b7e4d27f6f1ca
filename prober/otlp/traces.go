package otlp

import (
	"context"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
)

// queued is how many runs may wait for being exported. The SDK's own queue of spans
// comes after it.
const queued = 1024

// Traces is the [prober.Observer] that exports a trace of each run. What there is no
// room for, because the receiver is slower than the runs, is dropped and counted.
type Traces struct {
	tally
	identity Identity
	sampler  sdktrace.Sampler

	runs    chan *prober.Run
	dropped atomic.Uint64
	stop    sync.Once
	done    chan struct{} // closed when nothing reads runs any more

	abort    context.CancelFunc // makes every export fail
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// NewTraces returns an observer that keeps runs until [Traces.Start]. The sampler
// decides which passed and aborted runs are exported; failed and errored ones always are.
func NewTraces(id Identity, sampler sdktrace.Sampler, log *zap.Logger) *Traces {
	return &Traces{tally: tally{signal: "traces", log: log}, identity: id, sampler: sampler,
		runs: make(chan *prober.Run, queued), done: make(chan struct{})}
}

// Start begins to export; [Traces.Stop] has to follow.
func (t *Traces) Start(ctx context.Context) error {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return t.starting(err)
	}
	t.begin(exporter)
	return nil
}

func (t *Traces) begin(exporter sdktrace.SpanExporter) {
	until, abort := context.WithCancel(context.Background())
	t.abort = abort
	t.provider = sdktrace.NewTracerProvider(
		sdktrace.WithResource(t.identity.resource()),
		sdktrace.WithSampler(sdktrace.AlwaysSample()), // record samples whole runs
		sdktrace.WithIDGenerator(givenIDs{}),
		// It blocks the goroutine of ours that feeds it: what is dropped is counted.
		sdktrace.WithBatcher(countingSpans{exporter, &t.tally, until}, sdktrace.WithBlocking()),
	)
	t.tracer = t.provider.Tracer("github.com/authprober/authprober",
		trace.WithInstrumentationVersion(t.identity.Version), trace.WithSchemaURL(semconv.SchemaURL))
	go func() {
		defer close(t.done)
		for r := range t.runs {
			t.record(r)
		}
	}()
}

// Stop exports what is waiting, until ctx is done, and returns when everything that
// Start began has ended. Nothing may be observed from then on.
func (t *Traces) Stop(ctx context.Context) {
	t.stop.Do(func() { close(t.runs) })
	if t.provider == nil { // it was never started
		return
	}
	defer t.abort()
	defer context.AfterFunc(ctx, t.abort)()
	<-t.done
	_ = t.provider.Shutdown(context.WithoutCancel(ctx)) // what it could not export was counted
}

// ObserveRun implements [prober.Observer]. It never waits.
func (t *Traces) ObserveRun(r *prober.Run) {
	select {
	case t.runs <- r:
	default:
		if t.dropped.Add(1) == 1 {
			t.log.Warn("traces are dropped: the receiver is slower than the runs; the metrics count them")
		}
	}
}

// ObserveMissed implements [prober.Observer]: there is nothing to trace.
func (t *Traces) ObserveMissed(prober.Missed) {}

// Status is how the export stands.
func (t *Traces) Status() prober.ExportStatus {
	s := t.tally.status()
	s.Dropped = t.dropped.Load()
	return s
}

// record makes the spans of a run.
func (t *Traces) record(r *prober.Run) {
	id := traceID(r.TraceID)
	if r.Outcome != prober.Failed && r.Outcome != prober.Errored &&
		t.sampler.ShouldSample(sdktrace.SamplingParameters{ParentContext: context.Background(), TraceID: id}).Decision != sdktrace.RecordAndSample {
		return
	}
	root := spanOf(r)
	ctx := t.write(context.Background(), id, root)
	for i := range r.Steps {
		t.write(ctx, id, spanOfStep(r, &r.Steps[i], false))
	}
	for i := range r.Cleanup {
		t.write(ctx, id, spanOfStep(r, &r.Cleanup[i], true))
	}
}

// write makes one span, and returns the context for those below it.
func (t *Traces) write(ctx context.Context, id trace.TraceID, s span) context.Context {
	ctx = context.WithValue(ctx, givenKey{}, given{id, spanID(s.id)})
	ctx, made := t.tracer.Start(ctx, s.name, trace.WithSpanKind(s.kind), trace.WithTimestamp(s.start), trace.WithAttributes(s.attributes...))
	made.SetStatus(s.status, s.why)
	made.End(trace.WithTimestamp(s.end))
	return ctx
}
