package otlp

import (
	"context"

	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// An Identity says who exports. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have
// their way over it.
type Identity struct {
	Version string // of the program
	// Instance tells one prober from the others, and is the same after a restart, such
	// as host:port: Prometheus makes it the label instance.
	Instance string
}

func (id Identity) resource() *resource.Resource {
	r, _ := resource.New(context.Background(), // what is wrong in the environment is left out
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName("authprober"), semconv.ServiceVersion(id.Version), semconv.ServiceInstanceID(id.Instance)),
		resource.WithFromEnv())
	return r
}
