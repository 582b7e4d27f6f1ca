// Package otlptest has a receiver of OTLP/HTTP for tests, which remembers what it was
// sent and fails on request.
package otlptest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// A Receiver is a server at URL. Its methods may be called by any goroutine.
type Receiver struct {
	URL    string
	server *httptest.Server

	mu      sync.Mutex
	fail    func() (status int, body string)
	traces  []*tracepb.ResourceSpans
	metrics []*metricspb.ResourceMetrics // of the last push
	raw     []byte                       // every body
	headers http.Header                  // of the last request
	wrong   []string
}

// New starts a receiver; Close ends it.
func New() *Receiver {
	r := &Receiver{}
	r.server = httptest.NewServer(r)
	r.URL = r.server.URL
	return r
}

// Close ends the receiver.
func (r *Receiver) Close() {
	r.server.CloseClientConnections()
	r.server.Close()
}

// Fail has each request answered as f says, which may take its time; nil takes them.
func (r *Receiver) Fail(f func() (status int, body string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = f
}

// ServeHTTP implements [http.Handler].
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	r.raw, r.headers = append(r.raw, body...), req.Header
	fail := r.fail
	r.mu.Unlock()
	if fail != nil {
		status, text := fail()
		http.Error(w, text, status)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		err = r.take(req, body)
	}
	if err != nil {
		r.wrong = append(r.wrong, err.Error())
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (r *Receiver) take(req *http.Request, body []byte) error {
	if got := req.Method + " " + req.Header.Get("Content-Type"); got != "POST application/x-protobuf" {
		return fmt.Errorf("got %s, want POST application/x-protobuf", got)
	}
	switch req.URL.Path {
	case "/v1/traces":
		var m collectortrace.ExportTraceServiceRequest
		err := proto.Unmarshal(body, &m)
		r.traces = append(r.traces, m.ResourceSpans...)
		return err
	case "/v1/metrics":
		var m collectormetrics.ExportMetricsServiceRequest
		err := proto.Unmarshal(body, &m)
		r.metrics = m.ResourceMetrics
		return err
	}
	return fmt.Errorf("got the path %s", req.URL.Path)
}

// Spans are all spans so far, in the order in which they came.
func (r *Receiver) Spans() (all []*tracepb.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range r.traces {
		for _, scope := range of.ScopeSpans {
			all = append(all, scope.Spans...)
		}
	}
	return all
}

// Metrics are those of the last push, by name.
func (r *Receiver) Metrics() map[string]*metricspb.Metric {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]*metricspb.Metric{}
	for _, of := range r.metrics {
		for _, scope := range of.ScopeMetrics {
			for _, m := range scope.Metrics {
				all[m.Name] = m
			}
		}
	}
	return all
}

// Resource is who sent the last push, or the last traces where there was none.
func (r *Receiver) Resource() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case len(r.metrics) > 0:
		return Attributes(r.metrics[0].Resource.Attributes)
	case len(r.traces) > 0:
		return Attributes(r.traces[0].Resource.Attributes)
	}
	return nil
}

// Raw is every body that came, whether it was taken or not.
func (r *Receiver) Raw() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.raw)
}

// Header is that of the last request.
func (r *Receiver) Header() http.Header {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.headers.Clone()
}

// Wrong is what could not be taken.
func (r *Receiver) Wrong() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wrong
}

// Attributes are attributes as text.
func Attributes(all []*commonpb.KeyValue) map[string]string {
	m := map[string]string{}
	for _, a := range all {
		switch v := a.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			m[a.Key] = v.StringValue
		case *commonpb.AnyValue_BoolValue:
			m[a.Key] = fmt.Sprint(v.BoolValue)
		case *commonpb.AnyValue_IntValue:
			m[a.Key] = fmt.Sprint(v.IntValue)
		case *commonpb.AnyValue_DoubleValue:
			m[a.Key] = fmt.Sprint(v.DoubleValue)
		default:
			m[a.Key] = a.Value.String()
		}
	}
	return m
}
