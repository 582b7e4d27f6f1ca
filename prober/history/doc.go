// Package history keeps what has happened: runs, what the failed ones sent and got,
// changes of state, and what the judge knows, so that neither a restart nor the end of
// an incident makes anybody forget. It is one SQLite database, written by one
// goroutine and read by whoever asks.
//
// # What is synced before what
//
// Nothing waits for it. A [Store] is a [prober.Observer] that puts what it is told into
// a queue, which a goroutine of its own writes every half second in one transaction:
// runs, sums, changes of state and what the judge knew after the last of those runs. So
// a crash loses at most the last second, and what the judge knows is never ahead of the
// runs, nor behind. A transaction is synced when it ends (WAL, synchronous=FULL): at two
// a second that costs nothing that anybody measures, and a loss of power loses no more
// than a kill does. What does not fit into the queue is counted, logged and gone:
// probing is never held up.
//
// That is why the counters of accounts and the tokens that flows remember are not in
// here. They are synced before anything is sent, each in its account's own file, on the
// path of the run, see package remember: a login that was not counted may lock a
// customer out. A run that was not recorded is a gap in a chart. And whoever has to
// throw this file away, because it is damaged or too large, throws no counter away.
//
// # What is kept, and for how long
//
// Nothing is kept for longer than [Options.Age]. Where the file grows beyond
// [Options.Size] the runs that passed go first, the oldest of them before the others,
// and failed ones only when there are no others: so failures are kept longest. Sums by
// the minute are kept for two days, those by the hour for the whole age, whatever
// becomes of the runs.
//
// # When it goes wrong
//
// A write that fails is counted and logged, and what it was to write is kept for the
// next, as far as the queue has room. A file that turns out to be damaged is set aside
// under another name, and a new one begun, with what the judge knows by then. Detection
// never depends on any of it.
//
// No secret is in a history: it takes what it is told from reports, which hold none.
package history
