// Package control tells "we are sick" from "the target is". A prober whose own network
// is down sees every bank fail; one that does not get the processor sees them all slow.
// Neither is news of a bank, so a run that fails in such a time is errored: it is no
// part of a failure ratio, and has a metric and an alert of its own.
//
// There are three kinds of evidence, and each is our own:
//
//   - Looks. A look goes to a loopback server of our own, and to the URLs that the
//     owner names, which must be independent of the target and of each other. Any answer
//     will do. The network is sick where the loopback server is not to be reached, or
//     none of the URLs is: one that is down is that URL's affair. All are looked at in
//     turn, and at once after a run failed for a reason that can be ours.
//   - Starvation. A timer that fires late was kept waiting, and so was the run that
//     timed out meanwhile.
//   - Suspension. The machine slept, as the system tells (Linux: CLOCK_BOOTTIME goes on in
//     sleep and CLOCK_MONOTONIC does not), and every connection of a run that slept with
//     it is broken. Elsewhere, and for a guest whose hypervisor stopped every clock, the wall
//     clock alone tells of it, by going forward by ten seconds or more at once; what a time
//     service puts right is less, and is no excuse.
//
// Nothing here makes a run pass, and what says that the target answered, whatever it
// was, is never excused.
package control
