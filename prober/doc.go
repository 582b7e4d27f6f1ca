// Package prober runs checks on a schedule, judges them and says what it saw.
// It knows neither what a login is nor what HTTP is: a [Check] brings a
// function that makes one run of it.
//
// The way of a run:
//
//	Schedule.Next ──due──► Check.Begin ──Attempt──► Probe ──Report──► Run
//	                          │                                       │
//	                          └─────────────► missed ──► collector ◄──┘
//	                                                         │
//	                                  Metrics · Judge · LogObserver, in order
//
// Each check has a loop of its own that sleeps from one due time to the next
// and makes each run on a goroutine of its own, so that a probe that hangs
// holds up neither another check nor the count of the due times that it makes
// its own check miss.
//
// Invariants, each of them a test:
//
//   - The loop is open: due times follow each other at Schedule.Every whatever
//     the target does. Each is accounted for, at the moment at which it is
//     settled: due = passed + failed + errored + aborted + missed.
//   - What looks at an outage is no part of it: once the page is out, a check whose
//     target has fallen over is governed, which makes a tenth of its runs, and a pause
//     that somebody or the target asks for makes none. Both are due times missed.
//   - A probe that panics is an errored run. Nothing of what it panicked with is
//     shown unless the Go runtime itself wrote it.
//   - [Prober.Run] returns when every goroutine that it started has ended. The
//     one exception is a probe that breaks its contract and ignores its context
//     beyond [Options.Grace]; the error then names it.
//   - Observers are called by one goroutine, in order, and nothing is dropped.
package prober
