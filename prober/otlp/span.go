package otlp

import (
	"cmp"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/authprober/authprober/prober"
)

// A span is what a run or a step looks like in a trace.
type span struct {
	name       string
	kind       trace.SpanKind
	id         string // of the span, 16 hex digits; "" for any
	start, end time.Time
	attributes []attribute.KeyValue
	status     codes.Code
	why        string // the status's description
}

// spanOf is the root of a run's trace. Like the run's time it leaves out the clean-up.
func spanOf(r *prober.Run) span {
	s := span{name: r.Check.Name, kind: trace.SpanKindInternal, start: r.Start, end: r.End()}
	s.add(semconv.UserAgentSyntheticTypeTest,
		attribute.String("authprober.check", r.Check.Name),
		attribute.Int64("authprober.run.seq", int64(r.Seq)),
		attribute.String("authprober.run.outcome", string(r.Outcome)),
		attribute.Float64("authprober.run.lag", r.Start.Sub(r.Due).Seconds()),
		attribute.Bool("authprober.run.confirm", r.Confirm))
	if r.Account != "" {
		s.add(attribute.String("authprober.account", r.Account))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Tags)) {
		s.add(attribute.String("authprober.tag."+name, r.Tags[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Check.Labels)) {
		s.add(attribute.String("authprober.label."+name, r.Check.Labels[name]))
	}
	switch failed := r.FailedStep(); {
	case r.Outcome == prober.Aborted:
	case r.Err != nil:
		s.fail(string(r.Outcome), r.Err.Error())
	case failed != nil:
		s.fail(string(failed.Reason), failed.Name+": "+failed.Detail)
		s.add(attribute.String("authprober.step", failed.Name))
	}
	return s
}

// spanOfStep is a step's span, by the conventions for HTTP clients where it sent
// requests. The times of its phases are attributes, in seconds: those of several
// requests are added up, so that they are no spans.
func spanOfStep(r *prober.Run, st *prober.StepResult, cleanup bool) span {
	start := r.Start.Add(st.Start)
	s := span{name: st.Name, kind: trace.SpanKindInternal, id: st.Sent.SpanID, start: start, end: start.Add(st.Took)}
	s.add(semconv.UserAgentSyntheticTypeTest, attribute.String("authprober.step", st.Name))
	if cleanup {
		s.add(attribute.Bool("authprober.cleanup", true))
	}
	if st.Skipped {
		s.add(attribute.Bool("authprober.step.skipped", true))
	}
	if st.Sent.SpanID != "" {
		s.kind = trace.SpanKindClient
		s.request(st)
	}
	st.Phases.Each(func(name string, d time.Duration) {
		s.add(attribute.Float64("authprober.phase."+name, d.Seconds()))
	})
	if st.Polls > 0 {
		s.add(attribute.Int("authprober.step.polls", st.Polls))
	}
	if st.Delivery > 0 {
		s.add(attribute.Float64("authprober.step.delivery", st.Delivery.Seconds()))
	}
	if st.Reason != "" {
		s.fail(string(st.Reason), st.Detail)
	}
	return s
}

// request adds what HTTP's conventions want. The URL's path is as the flow has it,
// with the expressions and without what came of them.
func (s *span) request(st *prober.StepResult) {
	sent := st.Sent
	s.add(semconv.HTTPRequestMethodKey.String(sent.Method), semconv.URLScheme(sent.Scheme))
	host, port := splitHost(sent)
	s.add(semconv.ServerAddress(host), semconv.ServerPort(port))
	_, path, _ := strings.Cut(st.Request, " ")
	full := sent.Scheme + "://" + sent.Host
	if strings.HasPrefix(path, "/") {
		path, _, _ = strings.Cut(path, "?")
		s.add(semconv.URLTemplate(path))
		full += path
	}
	s.add(semconv.URLFull(full))
	if st.Status != 0 {
		s.add(semconv.HTTPResponseStatusCode(st.Status))
	}
	if st.Attempts > 1 {
		s.add(semconv.HTTPRequestResendCount(st.Attempts - 1))
	}
	if host, port, err := net.SplitHostPort(st.Remote); err == nil {
		s.add(semconv.NetworkPeerAddress(host))
		if n, err := strconv.Atoi(port); err == nil {
			s.add(semconv.NetworkPeerPort(n))
		}
	}
}

// splitHost is the server's name and port, that of the scheme where none is given.
func splitHost(sent prober.Sent) (host string, port int) {
	byDefault := map[string]int{"http": 80, "https": 443}[sent.Scheme]
	host, text, err := net.SplitHostPort(sent.Host)
	if err != nil {
		return strings.Trim(sent.Host, "[]"), byDefault
	}
	port, _ = strconv.Atoi(text)
	return host, cmp.Or(port, byDefault)
}

func (s *span) add(all ...attribute.KeyValue) { s.attributes = append(s.attributes, all...) }

// fail marks the span: kind is of a closed list, why for people.
func (s *span) fail(kind, why string) {
	s.add(semconv.ErrorTypeKey.String(kind))
	s.status, s.why = codes.Error, why
}
