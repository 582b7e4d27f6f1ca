package checks

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
)

// noteOverload notes, of a step that failed, that the target has more to do than it
// can, and how long it asks to be left alone (RFC 9110 section 10.2.3, RFC 6585
// section 4). Whoever is asked counts, an identity provider too.
func (s *Session) noteOverload(now time.Time) {
	status := s.answer.status
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return
	}
	s.report.Overloaded = true
	if date, err := http.ParseTime(s.answer.header.Get("Date")); err == nil {
		now = date // by the clock that an absolute time was written by
	}
	s.report.RetryAfter = retryAfter(s.answer.header.Get("Retry-After"), now)
}

// retryAfter is how long a Retry-After asks to wait, given as seconds or as a date:
// in [0, prober.MostRetryAfter], and 0 where it is neither.
func retryAfter(value string, now time.Time) time.Duration {
	if d, ok := seconds(value, prober.MostRetryAfter); ok {
		return d
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), prober.MostRetryAfter)
}

// seconds reads a number of whole seconds, and cuts it off at most.
func seconds(value string, most time.Duration) (d time.Duration, ok bool) {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n > uint64(most/time.Second) {
		return most, true // more than 64 bits is more than most, too
	}
	return time.Duration(n) * time.Second, true
}

// notePause notes that the target wants no runs for a while. Nobody but the flow's
// target has a say in that, not where it redirects to either.
func (s *Session) notePause(resp *http.Response) {
	name := s.flow.options.PauseHeader
	if name == "" || origin(resp.Request.URL) != s.flow.origin {
		return
	}
	if d, ok := seconds(strings.TrimSpace(resp.Header.Get(name)), prober.MostPause); ok {
		s.report.Pause = max(s.report.Pause, d)
	}
}

// origin is the scheme, host and port of a URL, by which two of them are of one
// origin (RFC 6454 section 4).
func origin(u *url.URL) string {
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	switch {
	case port != "":
	case scheme == "https":
		port = "443"
	case scheme == "http":
		port = "80"
	}
	return scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
