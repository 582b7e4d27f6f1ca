package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/authprober/authprober/prober/otlp"
)

// An otelSettings says what is told to an OpenTelemetry receiver. Where and how, the
// SDK reads from the environment by itself; it is only vetted here, as the SDK takes
// what is wrong for what is not there.
type otelSettings struct {
	Traces, Metrics bool
	Sampler         sdktrace.Sampler // nil without traces
}

// otelVariables are those of OpenTelemetry that mean something here, for people.
var otelVariables = []variable{
	{Name: "OTEL_EXPORTER_OTLP_ENDPOINT", About: "Where a receiver is, such as http://127.0.0.1:4318; /v1/traces and /v1/metrics are appended. With it each run is exported as a trace."},
	{Name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, …_METRICS_ENDPOINT", About: "The same for one signal, as it is. The second has metrics pushed."},
	{Name: "OTEL_TRACES_EXPORTER", About: "otlp or none: overrules the endpoints."},
	{Name: "OTEL_METRICS_EXPORTER", Default: "none", About: "otlp has all that /metrics serves pushed too; none and prometheus do not. A Prometheus that also scrapes would have everything twice."},
	{Name: "OTEL_EXPORTER_OTLP_HEADERS", About: "Header fields for the receiver, such as a key: name=value, with commas between, percent-encoded."},
	{Name: "OTEL_EXPORTER_OTLP_PROTOCOL", Default: "http/protobuf", About: "http/protobuf or http/json; grpc is not spoken."},
	{Name: "OTEL_EXPORTER_OTLP_COMPRESSION", Default: "none", About: "gzip or none."},
	{Name: "OTEL_EXPORTER_OTLP_TIMEOUT", Default: "10000", About: "The longest that one request to the receiver may take, in milliseconds."},
	{Name: "OTEL_EXPORTER_OTLP_CERTIFICATE, …_CLIENT_CERTIFICATE, …_CLIENT_KEY", About: "Files in PEM: whom to trust, and who we are."},
	{Name: "OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG", Default: "parentbased_always_on", About: "Which passed and aborted runs are exported: always_on, always_off, traceidratio with a ratio such as 0.1. Failed and errored ones always are."},
	{Name: "OTEL_BSP_SCHEDULE_DELAY, …_EXPORT_TIMEOUT, …_MAX_QUEUE_SIZE, …_MAX_EXPORT_BATCH_SIZE", Default: "5000, 30000, 2048, 512", About: "How traces are batched, in milliseconds and spans."},
	{Name: "OTEL_METRIC_EXPORT_INTERVAL, OTEL_METRIC_EXPORT_TIMEOUT", Default: "60000, 30000", About: "How often metrics are pushed, in milliseconds."},
	{Name: "OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES", Default: "authprober", About: "Who exports. service.instance.id is HOST:PORT unless it is given."},
	{Name: "OTEL_SDK_DISABLED", Default: "false", About: "true: nothing is exported."},
}

// otel reads the OTEL_ variables. Nothing is exported by default. Traces are as soon
// as there is somewhere to send them to, metrics only where they are asked for: they
// would be twice in a Prometheus that scrapes them too.
func (a *app) otel() (s otelSettings, err error) {
	if off, _ := a.lookupEnv("OTEL_SDK_DISABLED"); strings.EqualFold(off, "true") {
		return s, nil
	}
	v := otelVetter{lookup: a.value}
	s.Traces = v.exports("TRACES", a.value("OTEL_EXPORTER_OTLP_ENDPOINT")+a.value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "")
	s.Metrics = v.exports("METRICS", a.value("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") != "")
	if s.Traces {
		s.Sampler = v.sampler()
		v.whole("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BSP_MAX_QUEUE_SIZE", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
		v.exporter("TRACES_")
	}
	if s.Metrics {
		v.whole("OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT")
		v.exporter("METRICS_")
	}
	if s.Traces || s.Metrics {
		v.exporter("")
		v.pairs("OTEL_RESOURCE_ATTRIBUTES")
	}
	if v.mistakes != nil {
		return s, v.mistakes
	}
	return s, nil
}

// value is a variable's value; "" where it is not set.
func (a *app) value(name string) string {
	value, _ := a.lookupEnv(name)
	return strings.TrimSpace(value)
}

// An otelVetter collects what is wrong with the variables.
type otelVetter struct {
	lookup   func(name string) string
	mistakes envMistakes
}

func (v *otelVetter) mistake(name, want string) {
	v.mistakes = append(v.mistakes, name+": "+want)
}

// exports reports whether a signal is to be exported.
func (v *otelVetter) exports(signal string, byDefault bool) bool {
	name := "OTEL_" + signal + "_EXPORTER"
	switch value := v.lookup(name); value {
	case "":
		return byDefault
	case "otlp":
		return true
	case "none":
		return false
	case "prometheus":
		if signal == "METRICS" { // which /metrics is
			return false
		}
	}
	v.mistake(name, "want otlp or none")
	return false
}

func (v *otelVetter) sampler() sdktrace.Sampler {
	const name = "OTEL_TRACES_SAMPLER"
	sampler, err := otlp.Sampler(v.lookup(name), v.lookup(name+"_ARG"))
	switch {
	case errors.Is(err, otlp.ErrSamplerArg):
		v.mistake(name+"_ARG", err.Error())
	case err != nil:
		v.mistake(name, err.Error())
	}
	return sampler
}

// whole wants numbers above 0.
func (v *otelVetter) whole(names ...string) {
	for _, name := range names {
		if value := v.lookup(name); value != "" {
			if n, err := strconv.ParseInt(value, 10, 32); err != nil || n <= 0 {
				v.mistake(name, "want a whole number above 0")
			}
		}
	}
}

// pairs wants a list such as a=b,c=d whose values may be percent-encoded.
func (v *otelVetter) pairs(name string) {
	value := v.lookup(name)
	if value == "" {
		return
	}
	for pair := range strings.SplitSeq(value, ",") {
		key, text, ok := strings.Cut(pair, "=")
		if _, err := url.PathUnescape(text); !ok || strings.TrimSpace(key) == "" || err != nil {
			v.mistake(name, "want name=value, with commas between, percent-encoded")
			return
		}
	}
}

// exporter vets what says where to send one signal, or all with "".
func (v *otelVetter) exporter(signal string) {
	prefix := "OTEL_EXPORTER_OTLP_" + signal
	if value := v.lookup(prefix + "ENDPOINT"); value != "" {
		if u, err := url.Parse(value); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			v.mistake(prefix+"ENDPOINT", "want a URL, like http://127.0.0.1:4318")
		}
	}
	v.oneOf(prefix+"PROTOCOL", "http/protobuf", "http/json")
	v.oneOf(prefix+"COMPRESSION", "gzip", "none")
	v.oneOf(prefix+"INSECURE", "true", "false")
	v.pairs(prefix + "HEADERS")
	v.whole(prefix + "TIMEOUT")
	if path := v.lookup(prefix + "CERTIFICATE"); path != "" {
		if text, err := os.ReadFile(path); err != nil || !x509.NewCertPool().AppendCertsFromPEM(text) {
			v.mistake(prefix+"CERTIFICATE", "want a file of certificates in PEM that can be read")
		}
	}
	certificate, key := v.lookup(prefix+"CLIENT_CERTIFICATE"), v.lookup(prefix+"CLIENT_KEY")
	if certificate+key != "" {
		if _, err := tls.LoadX509KeyPair(certificate, key); err != nil {
			v.mistake(prefix+"CLIENT_CERTIFICATE", "want a certificate in PEM, and its key in "+prefix+"CLIENT_KEY")
		}
	}
}

func (v *otelVetter) oneOf(name string, values ...string) {
	if value := v.lookup(name); value != "" && !slices.Contains(values, strings.ToLower(value)) {
		v.mistake(name, "want "+strings.Join(values, " or "))
	}
}
