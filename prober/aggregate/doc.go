// Package aggregate judges what many instances have counted: the runs of all of them, or
// the logins of customers, read from any HTTP API of Prometheus' (Prometheus itself, Thanos,
// Mimir), as one stream that has seen enough sooner than each of its parts.
//
// # What is counted
//
// Raw samples are asked for, `counter[5m]`, not sums or rates, and each series has its
// increases worked out by itself before anything is added up: that alone sees a reset as
// one. A [Counter] is a series. Its rules are those of Prometheus' increase():
//
//   - a sample counts by what it is above the one before; one below it is a reset, and
//     counts by what it is;
//   - the first sample of a series counts nothing: what it stands for was counted at some
//     time, and need not be news. A restart of Prometheus, or a new label, would otherwise
//     bring years of failures in one go. So a counter wants to be there at zero before it
//     counts, as those of authprober are, and up to one scrape of a new instance is lost,
//     failures and passes alike;
//   - nothing else is lost. What was counted while nobody scraped is in the next sample, however
//     late. A series that ends and comes back within a day goes on where it was.
//
// Beyond increase(), nothing is extrapolated, and a sample is counted once
// however often it is read: those of a time that a series has been read up to are
// passed over. One that is written late, between two others, is in their difference already.
//
// # Batches
//
// Time is cut into intervals, the same for everybody: multiples of their length since
// 1970. What the samples of an interval add up to is one [detect.Batch], given to the
// detector once the interval has been over for the settling time. Samples that come later
// than that count in the interval that is next. So the same samples lead to the same
// evidence whenever they are read: an [Aggregator] keeps nothing, and begins with a replay.
//
// # Groups
//
// The checks of a group are one more stream, of the same increases: each is worked out once, and
// counts in the stream of its check and in that of its group. Prometheus has no series of a group, lest a
// sum over checks count a run twice.
//
// # How many runs to a false page
//
// Objectives promise one false page in a time. The threshold is the number of runs that
// all instances make in it: as many instances as there have been series at once. It is
// raised as instances come, and never lowered, which errs on the side of too few pages.
// Of other counters it is the busiest hour's pace.
package aggregate
