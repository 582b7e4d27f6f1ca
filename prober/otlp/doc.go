// Package otlp tells what the prober saw to an OpenTelemetry receiver, over OTLP/HTTP:
// [Traces], one of each run, and [Push], the metrics that /metrics serves, for places
// that cannot be scraped. Either is there only if asked for; without them nothing of
// OpenTelemetry is made, and a run costs nothing more.
//
// A trace has the id that the requests of its run carried. Its root is a span for the
// run; below it is a span for each step, whose id was the parent id in the step's
// requests, so that what the target makes of them hangs under the step. Nothing is
// measured here: spans are made afterwards, of the immutable [prober.Run].
//
// Where to send, with which headers, certificates, limits and intervals, the exporters
// of the OpenTelemetry SDK read from the process's environment, as its specification
// has it. What goes wrong with that is counted and logged, never holds up a run, and
// is told without what a receiver answered or how it is addressed: both may hold a key.
package otlp
