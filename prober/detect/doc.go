// Package detect decides when failures become a page.
//
// The question, asked again with every run of a check, is: has the failure rate
// risen above what the owner tolerates? It is to be answered as early as the
// mathematics allows, and wrongly no more often than the owner agreed to. The
// owner writes an [Objective]; a [Detector] sees one run after the other and
// is healthy, suspect or firing. Nobody picks a window, a count or a delay.
//
// # The statistic
//
// Let p0 be the tolerated failure rate. For one other failure rate p, a run
// speaks for p against p0 by the likelihood ratio
//
//	L = p / p0             of a failed run
//	L = (1 - p) / (1 - p0) of a passed run
//
// and the Shiryaev-Roberts statistic adds up, over every moment at which the
// rate may have changed from p0 to p, what the runs since then say:
//
//	R <- (1 + R) L, from R = 0
//
// What the rate will change to is not known, so the detector keeps one such
// statistic for each of eight rates p_j in geometric progression, from half of
// Objective.Detect (or the geometric mean of Tolerate and Detect, if that is
// higher) to 95 %, and takes their mean. It pages when the mean reaches A.
//
// # Why A is the mean number of runs to a false page
//
// While the rate is p0 the mean of L is exactly 1, so R_n - n is a martingale:
// each run adds one to what R is expected to be, and nothing else. For the run
// T at which R first reaches A, optional stopping gives E[T] = E[R_T] >= A. At
// rates below p0 the mean of L is below 1, R_n - n is a supermartingale, and T
// only grows. So a healthy check makes at least A runs from one page to the
// next in the mean: exactly, from the first run on, with nothing to calibrate;
// and A is the number of runs in the period in which the owner accepts one false
// page. Evidence is R/A: a page is evidence of 1 or more. A check is suspect
// from evidence 0.1 on (until it is below 0.05), and by the same argument a
// healthy check is suspected at most ten times as often as it is paged for.
//
// [Objective.Params] never sets A lower than three floors, each of which can
// only make false pages rarer. They matter to checks that run a few times a day:
//
//   - passed runs alone settle at evidence 0.04 at most, so suspicion ends;
//   - at evidence of 0.1 and more each passed run lowers it, so that only a
//     failed run ever raises the state;
//   - a single counted failure is evidence of 0.8 at most where there is a blip.
//
// # Blips
//
// Background failures come in clumps. For Objective.Blip after a counted
// failure no run counts, passed or failed. What is skipped is decided by the past
// alone, so the martingale stands, and the promise with it; and where clumps
// are no longer than the blip, the counted failures are the clumps. A burst
// shorter than the blip cannot page by itself; a total outage pages within about
// three blips. Where clumps outlast the blip the promise suffers: the
// detector measures the bursts it sees, see [Bursts].
//
// # Recovery
//
// While a check is firing the roles are swapped. The same statistic tests that
// the rate is Tolerate against the hypothesis that it is still Detect or more:
//
//	R <- (1 + R) L, with L = p0 / p1 of a failed run and (1 - p0) / (1 - p1) of a passed one
//
// and the check is healthy again when R reaches the number of runs in a day. By
// the argument above, a check that still fails at the rate Detect or more is
// declared healthy once in that many runs or less often. There is no timer, and
// no flapping: between the tests nothing changes the state, and each of them
// begins with no evidence at all. While firing, the evidence rests at the
// value, 1 or more, that it paged with; [Detector.Recovery] says how far the
// other test has come.
//
// # Confirming
//
// Evidence decides how often to look. From an opening level on, which is derived
// from the objective, [Detector.WantsConfirm] asks for runs beside those of
// the schedule, within a daily [Budget]. Sampling that depends on the past alone
// leaves the martingale as it is: A counts runs, whenever they are made.
// [Objective.ParamsConfirming] raises A by what the budget may add to a
// period, so that the promise holds in time as well.
//
// # Whom to blame
//
// A [Blame] keeps the tags of the last runs. Since the change point each value
// of a tag is tested against the others of its key: Fisher's exact test, one-sided,
// corrected by Holm's method for all the values that could be significant at all.
// Where failures have nothing to do with tags, somebody is blamed in one incident
// of twenty at the most.
//
// # Batches
//
// Where only the numbers of passed and failed runs of an interval are known, as of
// counters, [Detector.ObserveBatch] takes a [Batch] at once, and keeps the promise.
//
// # Before and after
//
// [NewPlan] simulates what an objective and a schedule amount to. A [Gate] is the
// question of a delivery, not of a page: is it good or bad, and when is that known?
//
// # What counts
//
// Passed and failed runs count. Runs that failed by our own fault, were aborted
// or never began must not be shown to a detector. A fail-open is not statistics
// and pages without one.
//
// # Invariants
//
//   - Nothing here reads a clock, does I/O, starts a goroutine or keeps state
//     outside the values it hands out. Time is what the caller says it is.
//   - A run costs a few dozen multiplications and no allocation.
//   - Every number is finite, whatever the stream: statistics cannot underflow
//     (each run adds before it multiplies) or overflow (each statistic rests
//     once it has reached its threshold, and is within one factor of it).
//   - The state changes from healthy to suspect or firing, from suspect to
//     healthy or firing, and from firing to healthy. A failed run that takes the
//     evidence from below 0.1 to 1 leads from healthy to firing at once.
//   - Firing and evidence of 1 or more are the same thing.
//
// # Papers
//
//   - Wilson 1927, Probable inference, the law of succession, and statistical
//     inference: the interval for a ratio, [Wilson].
//   - Fisher 1935, The logic of inductive inference: the exact test.
//   - Ville 1939, Étude critique de la notion de collectif, and Wald 1945,
//     Sequential tests of statistical hypotheses: the gate.
//   - Page 1954, Continuous inspection schemes: the moment since which a rate has
//     likeliest changed, [Detector.ChangePoint].
//   - Shiryaev 1963, On optimum methods in quickest detection problems, and
//     Roberts 1966, A comparison of some control chart procedures: the statistic.
//   - Gilbert 1960, Capacity of a burst-noise channel, and Elliott 1963, Estimates
//     of error rates for codes on burst-noise channels: failures that come in
//     bursts, which the tests hold the promise against.
//   - Lorden 1971, Procedures for reacting to a change in distribution, and Lai
//     1998, Information bounds and quick detection of parameter changes in
//     stochastic systems: no rule with as few false pages needs much fewer than
//     ln(A) / KL(p, p0) runs, [Params.Bound].
//   - Holm 1979, A simple sequentially rejective multiple test procedure, and
//     Tarone 1990, A modified Bonferroni method for discrete data: many tags.
//   - Pollak and Tartakovsky 2009, Optimality properties of the
//     Shiryaev-Roberts procedure.
//   - Shin, Ramdas and Rinaldo 2022, E-detectors: a nonparametric framework for
//     sequential change detection: mixtures, and the supermartingale view.
package detect
