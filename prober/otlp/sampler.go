package otlp

import (
	"errors"
	"strconv"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Sampler is the sampler that OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG name; ""
// is parentbased_always_on. A run has no parent, so that the parentbased_ ones are
// what follows it. The errors are [ErrSampler] and [ErrSamplerArg].
func Sampler(name, arg string) (sdktrace.Sampler, error) {
	switch name {
	case "", "always_on", "parentbased_always_on":
		return sdktrace.AlwaysSample(), nil
	case "always_off", "parentbased_always_off":
		return sdktrace.NeverSample(), nil
	case "traceidratio", "parentbased_traceidratio":
		if arg == "" {
			return sdktrace.AlwaysSample(), nil
		}
		ratio, err := strconv.ParseFloat(arg, 64)
		if err != nil || !(ratio >= 0 && ratio <= 1) {
			return nil, ErrSamplerArg
		}
		return sdktrace.TraceIDRatioBased(ratio), nil
	}
	return nil, ErrSampler
}

// What is wrong with a sampler.
var (
	ErrSampler    = errors.New("want always_on, always_off, traceidratio, or one of them after parentbased_")
	ErrSamplerArg = errors.New("want a number from 0 to 1")
)
