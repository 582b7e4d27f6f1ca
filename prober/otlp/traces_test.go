package otlp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/otlp/otlptest"
)

const wireTrace = "4bf92f3577b34da6a3ce929d0e0e4736"

var login = &prober.Check{Name: "retail-login", Labels: map[string]string{"team": "identity"}}

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// failedRun has a step that passed, one that failed, and one of the clean-up.
func failedRun() *prober.Run {
	return &prober.Run{Check: login, Seq: 7, Due: began.Add(-time.Second), Start: began, Took: 300 * time.Millisecond,
		Outcome: prober.Failed, Account: "retail-1", Report: prober.Report{TraceID: wireTrace, Tags: map[string]string{"release": "1.2"},
			Steps: []prober.StepResult{
				{Name: "login", Took: 100 * time.Millisecond, Request: "POST /v1/login?x=${{ y }}", Status: 200, Remote: "192.0.2.7:443", Attempts: 2,
					Phases: prober.Phases{Connect: 5 * time.Millisecond, Processing: 50 * time.Millisecond},
					Sent:   prober.Sent{Method: "POST", Scheme: "https", Host: "bank.example", SpanID: "00f067aa0ba902b7"}},
				{Name: "mail", Start: 100 * time.Millisecond, Took: 50 * time.Millisecond, Polls: 3, Delivery: 40 * time.Millisecond, Request: "mail inbox"},
				{Name: "accounts", Start: 150 * time.Millisecond, Took: 150 * time.Millisecond, Request: "GET userinfo_endpoint",
					Reason: prober.ReasonTimeout, Detail: "no answer in 150ms",
					Sent: prober.Sent{Method: "GET", Scheme: "http", Host: "[::1]:8080", SpanID: "00f067aa0ba902b8"}},
			},
			Cleanup: []prober.StepResult{{Name: "logout", Start: 310 * time.Millisecond, Skipped: true}},
		}}
}

func runOf(o prober.Outcome) *prober.Run {
	r := &prober.Run{Check: login, Start: began, Due: began, Took: time.Second, Outcome: o, Report: prober.Report{TraceID: wireTrace}}
	switch o {
	case prober.Failed:
		r.Steps = []prober.StepResult{{Name: "login", Reason: prober.ReasonReset}}
	case prober.Errored:
		r.Err = errors.New("ours")
	case prober.Aborted:
		r.Err = prober.ErrShutdown
	}
	return r
}

// receiver is one that the exporters of the test send to.
func receiver(t *testing.T) *otlptest.Receiver {
	t.Helper()
	r := otlptest.New()
	t.Cleanup(func() {
		r.Close()
		for _, w := range r.Wrong() {
			t.Error(w)
		}
		goleak.VerifyNone(t)
	})
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	return r
}

func logged() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.DebugLevel)
	return zap.New(core), logs
}

// export exports the runs under a sampler, and returns the traces.
func export(t *testing.T, sampler, arg string, log *zap.Logger, runs ...*prober.Run) *Traces {
	t.Helper()
	s, err := Sampler(sampler, arg)
	if err != nil {
		t.Fatal(err)
	}
	traces := NewTraces(Identity{Version: "1.2.3", Instance: "host:9870"}, s, log)
	if err := traces.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		traces.ObserveRun(r)
	}
	traces.ObserveMissed(prober.Missed{Check: login, N: 1})
	traces.Stop(t.Context())
	return traces
}

// text is what spans look like: times since the run began, attributes sorted.
func text(spans []*tracepb.Span) string {
	var b strings.Builder
	for _, s := range spans {
		since := func(ns uint64) time.Duration { return time.Unix(0, int64(ns)).Sub(began) }
		name := fmt.Sprintf("%x < %x", s.SpanId, s.ParentSpanId)
		fmt.Fprintf(&b, "%s %s trace %x: %s %v..%v", s.Name, name, s.TraceId, strings.ToLower(strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_")),
			since(s.StartTimeUnixNano), since(s.EndTimeUnixNano))
		if s.Status != nil && s.Status.Code != tracepb.Status_STATUS_CODE_UNSET {
			fmt.Fprintf(&b, " error: %s", s.Status.Message)
		}
		b.WriteByte('\n')
		attributes := otlptest.Attributes(s.Attributes)
		for _, key := range slices.Sorted(maps.Keys(attributes)) {
			fmt.Fprintf(&b, "  %s=%s\n", key, attributes[key])
		}
	}
	return b.String()
}

func TestTraceOfARun(t *testing.T) {
	r := receiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "X-Key=sesame%204711")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	traces := export(t, "", "", zap.NewNop(), failedRun())
	spans := r.Spans()
	slices.SortFunc(spans, func(a, b *tracepb.Span) int { return int(a.StartTimeUnixNano) - int(b.StartTimeUnixNano) })
	slices.SortStableFunc(spans, func(a, b *tracepb.Span) int { return len(a.ParentSpanId) - len(b.ParentSpanId) })
	if len(spans) != 5 {
		t.Fatalf("got %d spans, want 5:\n%s", len(spans), text(spans))
	}
	root, mail, logout := fmt.Sprintf("%x", spans[0].SpanId), fmt.Sprintf("%x", spans[2].SpanId), fmt.Sprintf("%x", spans[4].SpanId)
	got := strings.NewReplacer(root, "ROOT", mail, "MAIL", logout, "LOGOUT", wireTrace, "WIRE").Replace(text(spans))
	want := `retail-login ROOT <  trace WIRE: internal 0s..300ms error: accounts: no answer in 150ms
  authprober.account=retail-1
  authprober.check=retail-login
  authprober.label.team=identity
  authprober.run.confirm=false
  authprober.run.lag=1
  authprober.run.outcome=failed
  authprober.run.seq=7
  authprober.step=accounts
  authprober.tag.release=1.2
  error.type=timeout
  user_agent.synthetic.type=test
login 00f067aa0ba902b7 < ROOT trace WIRE: client 0s..100ms
  authprober.phase.connect=0.005
  authprober.phase.processing=0.05
  authprober.step=login
  http.request.method=POST
  http.request.resend_count=1
  http.response.status_code=200
  network.peer.address=192.0.2.7
  network.peer.port=443
  server.address=bank.example
  server.port=443
  url.full=https://bank.example/v1/login
  url.scheme=https
  url.template=/v1/login
  user_agent.synthetic.type=test
mail MAIL < ROOT trace WIRE: internal 100ms..150ms
  authprober.step=mail
  authprober.step.delivery=0.04
  authprober.step.polls=3
  user_agent.synthetic.type=test
accounts 00f067aa0ba902b8 < ROOT trace WIRE: client 150ms..300ms error: no answer in 150ms
  authprober.step=accounts
  error.type=timeout
  http.request.method=GET
  server.address=::1
  server.port=8080
  url.full=http://[::1]:8080
  url.scheme=http
  user_agent.synthetic.type=test
logout LOGOUT < ROOT trace WIRE: internal 310ms..310ms
  authprober.cleanup=true
  authprober.step=logout
  authprober.step.skipped=true
  user_agent.synthetic.type=test
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	resource := r.Resource()
	for key, want := range map[string]string{"service.name": "authprober", "service.version": "1.2.3",
		"service.instance.id": "host:9870", "deployment.environment.name": "test"} {
		if resource[key] != want {
			t.Errorf("the resource's %s is %q, want %q", key, resource[key], want)
		}
	}
	if got := r.Header().Get("X-Key"); got != "sesame 4711" {
		t.Errorf("the receiver got the header %q", got)
	}
	if got, want := traces.Status(), (prober.ExportStatus{Signal: "traces", Exports: 1}); got != want {
		t.Errorf("the status is %+v, want %+v", got, want)
	}
}

// A run that never had a trace id, since it panicked say, has a trace all the same.
func TestRunWithoutTraceID(t *testing.T) {
	r := receiver(t)
	run := runOf(prober.Errored)
	run.TraceID = ""
	export(t, "", "", zap.NewNop(), run)
	if spans := r.Spans(); len(spans) != 1 || len(spans[0].TraceId) != 16 || spans[0].Status.Message != "ours" {
		t.Errorf("got\n%s", text(spans))
	}
}

func TestSampling(t *testing.T) {
	late := runOf(prober.Passed)
	late.TraceID = "4bf92f3577b34da6fffffffffffffffe" // the last of all for a ratio
	all := []*prober.Run{runOf(prober.Passed), late, runOf(prober.Aborted), runOf(prober.Failed), runOf(prober.Errored)}
	for _, test := range []struct {
		sampler, arg string
		want         int // runs
	}{
		{"", "", 5}, {"always_on", "", 5}, {"always_off", "", 2}, {"parentbased_always_off", "", 2}, {"traceidratio", "", 5},
		{"traceidratio", "0.9", 4}, {"parentbased_traceidratio", "0", 2}, {"traceidratio", "1", 5},
	} {
		t.Run(test.sampler+test.arg, func(t *testing.T) {
			r := receiver(t)
			export(t, test.sampler, test.arg, zap.NewNop(), all...)
			roots := slices.DeleteFunc(r.Spans(), func(s *tracepb.Span) bool { return len(s.ParentSpanId) > 0 })
			if len(roots) != test.want {
				t.Errorf("%d runs were exported, want %d", len(roots), test.want)
			}
		})
	}
	for _, wrong := range [][2]string{{"jaeger_remote", ""}, {"traceidratio", "2"}, {"traceidratio", "NaN"}, {"traceidratio", "x"}} {
		if _, err := Sampler(wrong[0], wrong[1]); err == nil {
			t.Errorf("the sampler %v is none, and was taken", wrong)
		}
	}
}

// What a receiver says against it is counted and told once, without its words.
func TestReceiverRefuses(t *testing.T) {
	r := receiver(t)
	r.Fail(func() (int, string) { return http.StatusForbidden, "wrong key sesame" })
	log, logs := logged()
	traces := export(t, "", "", log, runOf(prober.Failed))
	_ = traces.ended(errors.New("once more"))
	_ = traces.ended(nil)
	if got, want := traces.Status(), (prober.ExportStatus{Signal: "traces", Exports: 3, Failed: 2}); got != want {
		t.Errorf("the status is %+v, want %+v", got, want)
	}
	var lines []string
	for _, e := range logs.All() {
		lines = append(lines, fmt.Sprint(e.Message, e.ContextMap()))
	}
	want := []string{
		"exporting over OTLP failsmap[error:the receiver answers 403 Forbidden signal:traces]",
		"exporting over OTLP succeeds againmap[signal:traces]",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// What nobody takes is dropped, counted, and holds nobody up.
func TestDropping(t *testing.T) {
	log, logs := logged()
	traces := NewTraces(Identity{}, nil, log)
	for range queued + 5 {
		traces.ObserveRun(runOf(prober.Failed))
	}
	if got, want := traces.Status(), (prober.ExportStatus{Signal: "traces", Dropped: 5}); got != want {
		t.Errorf("the status is %+v, want %+v", got, want)
	}
	if logs.Len() != 1 {
		t.Errorf("got %d lines, want 1", logs.Len())
	}
	traces.Stop(t.Context()) // it was never started
}

// A receiver that hangs does not hold up the end, and more spans wait for it than the
// SDK's queue has room for.
func TestReceiverHangs(t *testing.T) {
	r := receiver(t)
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "2")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")
	asked, release := make(chan struct{}, 100), make(chan struct{})
	r.Fail(func() (int, string) {
		asked <- struct{}{}
		<-release
		return http.StatusOK, ""
	})
	traces := NewTraces(Identity{}, must(Sampler("", "")), zap.NewNop())
	if err := traces.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		traces.ObserveRun(failedRun())
	}
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	traces.Stop(ctx)
	close(release)
	if s := traces.Status(); s.Failed == 0 || s.Failed != s.Exports {
		t.Errorf("the status is %+v, want nothing but failures", s)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
