// Package alertmanager gives the alerts of a prober to Alertmanagers directly, for
// where there is no Prometheus, and to save the delay of a scrape and of an
// evaluation where there is one.
//
// What is told is the state, not events: every few seconds, and at once when a judge
// changes its mind, the alerts that ought to be out are worked out anew, told at once
// where that has changed, and again every minute. So nothing queues up, a message
// that was lost is made good by the next, and several Alertmanagers, each of which
// gets everything, agree in the end.
//
// An alert has the name and the labels that the rules in deploy/prometheus would give
// it, and [Options.Labels] stand for those that a scrape adds. With the same of both, an
// Alertmanager takes what comes by either way for one alert, and notifies once.
//
// A firing alert says that it holds for another ten minutes, as the rule bridges a
// restart for ten: a prober that is restarted ends no page, and one that is gone ends
// its pages late. It is resolved by a recovery alone.
package alertmanager
