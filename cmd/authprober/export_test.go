package main

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober/otlp/otlptest"
)

// wiretap is a bank, and the traceparents of the requests that it got, by path.
func wiretap(t *testing.T) (bank *banktest.Bank, url string, sent func() map[string][]string) {
	t.Helper()
	bank, err := banktest.New(banktest.Options{Users: 1, PasswordOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	got := map[string][]string{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		got[r.URL.Path] = append(got[r.URL.Path], r.Header.Get("Traceparent"))
		mu.Unlock()
		bank.ServeHTTP(w, r)
	}))
	s.Config.ConnContext = bank.ConnContext
	s.Start()
	t.Cleanup(s.Close)
	return bank, s.URL, func() map[string][]string {
		mu.Lock()
		defer mu.Unlock()
		return got
	}
}

// TestExport runs the daemon beside a receiver, as a process: the ids of the spans are
// those that were sent, what is pushed at the end is what was counted, and both come
// although none of the SDK's intervals has passed.
func TestExport(t *testing.T) {
	receiver := otlptest.New()
	defer receiver.Close()
	bank, url, sent := wiretap(t)
	p := start(t, []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "OTEL_EXPORTER_OTLP_ENDPOINT=" + receiver.URL,
		"OTEL_METRICS_EXPORTER=otlp", "OTEL_BSP_SCHEDULE_DELAY=3600000", "OTEL_METRIC_EXPORT_INTERVAL=3600000"},
		"run", writeFlow(t, passwordFlow(url), bank.Users()))
	p.until("running")
	p.until("run")
	p.Process.Signal(os.Interrupt)
	if code := p.end(); code != exitOK {
		t.Fatalf("the process ended with %d:\n%s", code, p.log.String())
	}
	runs := strings.Count(p.log.String(), `"msg":"run"`)
	steps, roots := map[string]string{}, 0 // traceparent to name
	for _, s := range receiver.Spans() {
		if len(s.ParentSpanId) == 0 {
			roots++
		} else if s.Kind == tracepb.Span_SPAN_KIND_CLIENT {
			steps["00-"+hex.EncodeToString(s.TraceId)+"-"+hex.EncodeToString(s.SpanId)+"-01"] = s.Name
		}
	}
	if roots != runs {
		t.Errorf("%d runs were traced, want %d", roots, runs)
	}
	requests := 0
	for path, parents := range sent() {
		for _, parent := range parents {
			if requests++; steps[parent] == "" {
				t.Errorf("%s was sent %s, which is no step's span", path, parent)
			}
		}
	}
	if requests < 3 || requests != len(steps) {
		t.Errorf("%d requests and %d spans of steps, want as many, and 3 at the least", requests, len(steps))
	}
	metrics := receiver.Metrics()
	points := metrics["authprober_runs_due_total"].GetSum().GetDataPoints()
	if len(points) != 1 || points[0].GetAsDouble() < float64(runs) {
		t.Errorf("pushed %v due times, want %d at the least", points, runs)
	}
	if got := metrics["authprober_otlp_exports_failed_total"].GetSum().GetDataPoints(); len(got) != 2 || got[0].GetAsDouble()+got[1].GetAsDouble() != 0 {
		t.Errorf("pushed %v failed exports", got)
	}
	if got := receiver.Resource()["service.instance.id"]; !strings.Contains(got, ":") {
		t.Errorf("the instance is %q", got)
	}
	if wrong := receiver.Wrong(); wrong != nil {
		t.Error(wrong)
	}
}

// Without the variables nothing of OpenTelemetry is there.
func TestNoExport(t *testing.T) {
	for _, environ := range [][]string{
		nil,
		{"OTEL_TRACES_EXPORTER=none", "OTEL_METRICS_EXPORTER=prometheus", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1"},
		{"OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=otlp", "OTEL_METRICS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"},
	} {
		s, err := (&app{environ: environ}).settings()
		if err != nil {
			t.Fatal(err)
		}
		if e := newExport(daemonOptions{otel: s.OTel}); e.traces != nil || e.push != nil || e.observers() != nil || e.status() != nil {
			t.Errorf("%q: something is exported: %+v", environ, e)
		}
	}
}

func TestExportSettings(t *testing.T) {
	for environ, want := range map[string]string{
		"":                                     "traces=false metrics=false",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://x": "traces=true metrics=false",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://x/v1/traces":  "traces=true metrics=false",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://x/v1/metrics": "traces=false metrics=true",
		"OTEL_TRACES_EXPORTER=otlp":                               "traces=true metrics=false",
		"OTEL_METRICS_EXPORTER=otlp":                              "traces=false metrics=true",
		"OTEL_SDK_DISABLED=TRUE OTEL_METRICS_EXPORTER=otlp":       "traces=false metrics=false",
	} {
		s, err := (&app{environ: strings.Fields(environ)}).settings()
		if got := fmt.Sprintf("traces=%v metrics=%v", s.OTel.Traces, s.OTel.Metrics); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", environ, got, err, want)
		}
	}
}

// TestWrongExportSettings gives each variable what it cannot be; no value is repeated.
func TestWrongExportSettings(t *testing.T) {
	const sesame = "sesame-4711"
	tests := []struct{ name, value, want string }{
		{"OTEL_TRACES_EXPORTER", "zipkin-" + sesame, "want otlp or none"},
		{"OTEL_METRICS_EXPORTER", sesame, "want otlp or none"},
		{"OTEL_TRACES_SAMPLER", sesame, "want always_on, always_off, traceidratio, or one of them after parentbased_"},
		{"OTEL_BSP_SCHEDULE_DELAY", sesame, "want a whole number above 0"},
		{"OTEL_BSP_MAX_QUEUE_SIZE", "0", "want a whole number above 0"},
		{"OTEL_METRIC_EXPORT_INTERVAL", "-1", "want a whole number above 0"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", "want a URL, like http://127.0.0.1:4318"},
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", sesame, "want a URL, like http://127.0.0.1:4318"},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "want http/protobuf or http/json"},
		{"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", sesame, "want gzip or none"},
		{"OTEL_EXPORTER_OTLP_INSECURE", sesame, "want true or false"},
		{"OTEL_EXPORTER_OTLP_HEADERS", sesame, "want name=value, with commas between, percent-encoded"},
		{"OTEL_RESOURCE_ATTRIBUTES", "a=%" + sesame, "want name=value, with commas between, percent-encoded"},
		{"OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "want a whole number above 0"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", sesame, "want a file of certificates in PEM that can be read"},
		{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", sesame, "want a certificate in PEM, and its key in OTEL_EXPORTER_OTLP_CLIENT_KEY"},
	}
	for _, test := range tests {
		environ := []string{"OTEL_TRACES_EXPORTER=otlp", "OTEL_METRICS_EXPORTER=otlp", test.name + "=" + test.value}
		got := invoke(t.Context(), environ, "check", t.TempDir())
		if diff := cmp.Diff(invocation{code: exitConfig, stderr: test.name + ": " + test.want + "\n"}, got, cmp.AllowUnexported(invocation{})); diff != "" {
			t.Errorf("%s=%s: %s", test.name, test.value, diff)
		}
	}
	got := invoke(t.Context(), []string{"OTEL_TRACES_EXPORTER=otlp", "OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=2"}, "check", t.TempDir())
	if want := "OTEL_TRACES_SAMPLER_ARG: want a number from 0 to 1\n"; got.stderr != want {
		t.Errorf("got %q, want %q", got.stderr, want)
	}
}
