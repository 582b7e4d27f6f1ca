package otlp

import (
	"context"
	"math/rand/v2"

	"encoding/binary"

	"go.opentelemetry.io/otel/trace"
)

// A given is the identity that the next span is to have.
type given struct {
	trace trace.TraceID
	span  trace.SpanID
}

type givenKey struct{}

// givenIDs is the SDK's generator of ids: it hands out what was sent already.
type givenIDs struct{}

func (givenIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	g, _ := ctx.Value(givenKey{}).(given)
	return g.trace, g.span
}

func (givenIDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	g, _ := ctx.Value(givenKey{}).(given)
	return g.span
}

// traceID is the id that a run's requests carried; any for a run that never had one,
// as where it panicked.
func traceID(hex string) trace.TraceID {
	id, err := trace.TraceIDFromHex(hex)
	if err != nil {
		binary.BigEndian.PutUint64(id[:8], rand.Uint64())
		binary.BigEndian.PutUint64(id[8:], rand.Uint64()|1) // never all zero
	}
	return id
}

// spanID is the id that a step's requests carried; any for what sent none.
func spanID(hex string) trace.SpanID {
	id, err := trace.SpanIDFromHex(hex)
	if err != nil {
		binary.BigEndian.PutUint64(id[:], rand.Uint64()|1)
	}
	return id
}
