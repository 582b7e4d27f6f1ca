package prober

// A NotifyFailure says why alerts did not arrive at an Alertmanager.
type NotifyFailure string

const (
	NotifyUnreachable NotifyFailure = "unreachable"  // no answer: refused, reset, TLS, or credentials that cannot be read
	NotifyTimeout     NotifyFailure = "timeout"      // no answer in time
	NotifyRedirect    NotifyFailure = "redirect"     // it sends us elsewhere, and alerts do not follow
	NotifyStatus4xx   NotifyFailure = "status_4xx"   // it refuses the alerts, or us
	NotifyStatus5xx   NotifyFailure = "status_5xx"   // it is in trouble
	NotifyBadResponse NotifyFailure = "bad_response" // an answer that no Alertmanager gives, such as a page
)

// NotifyFailures lists every reason.
var NotifyFailures = []NotifyFailure{
	NotifyUnreachable, NotifyTimeout, NotifyRedirect, NotifyStatus4xx, NotifyStatus5xx, NotifyBadResponse,
}

// ObserveNotification counts one attempt to give alerts to one of
// [MetricsOptions.Alertmanagers], and why it failed; "" where it did not. It may be
// called by any goroutine.
func (m *Metrics) ObserveNotification(alertmanager string, failure NotifyFailure) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.in.notified.WithLabelValues(alertmanager).Inc()
	if failure != "" {
		m.in.unnotified.WithLabelValues(alertmanager, string(failure)).Inc()
	}
}

// forAlertmanager creates the series of an Alertmanager.
func (in *instruments) forAlertmanager(name string) {
	in.notified.WithLabelValues(name)
	for _, failure := range NotifyFailures {
		in.unnotified.WithLabelValues(name, string(failure))
	}
}
