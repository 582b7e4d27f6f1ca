package prober

// A Reason says why a step failed. The list is closed: reasons are values of a
// Prometheus label, so no text from an answer ever becomes one.
type Reason string

const (
	ReasonDNS          Reason = "dns"           // the name does not resolve
	ReasonConnect      Reason = "connect"       // no TCP connection
	ReasonTLS          Reason = "tls"           // no TLS handshake, or a certificate that does not verify
	ReasonTimeout      Reason = "timeout"       // no answer within the step's or the run's time
	ReasonReset        Reason = "reset"         // the connection broke before the answer was whole
	ReasonStatus4xx    Reason = "status_4xx"    // an unexpected answer of class 4xx
	ReasonStatus5xx    Reason = "status_5xx"    // an unexpected answer of class 5xx
	ReasonRateLimited  Reason = "rate_limited"  // 429, unless expected
	ReasonOAuthError   Reason = "oauth_error"   // an OAuth 2.0 error answer (RFC 6749 section 5.2)
	ReasonBadResponse  Reason = "bad_response"  // the answer is not what it claims to be
	ReasonMissingValue Reason = "missing_value" // a value that a capture or an expectation reads is not there
	ReasonAssertion    Reason = "assertion"     // an expectation is false
	ReasonTooSlow      Reason = "too_slow"      // an expectation on the time taken is false
	ReasonTokenInvalid Reason = "token_invalid" // a token that does not verify
	ReasonClockSkew    Reason = "clock_skew"    // the target's clock is too far from ours
	ReasonNotRefused   Reason = "not_refused"   // fail-open: something that must be refused was accepted
	ReasonWrongRefusal Reason = "wrong_refusal" // refused, as it must be, but not in the way it has to be; no fail-open
	ReasonChallenge    Reason = "challenge_loop"
	ReasonUndelivered  Reason = "undelivered" // a one-time code never came
	ReasonRedirect     Reason = "redirect"    // an unexpected redirect, or too many of them
	// ReasonForeignOrigin is an answer that sends the run to an origin that the flow
	// does not name; nothing was sent there.
	ReasonForeignOrigin Reason = "foreign_origin"
)

// Reasons lists every reason.
var Reasons = []Reason{
	ReasonDNS, ReasonConnect, ReasonTLS, ReasonTimeout, ReasonReset, ReasonStatus4xx, ReasonStatus5xx,
	ReasonRateLimited, ReasonOAuthError, ReasonBadResponse, ReasonMissingValue, ReasonAssertion,
	ReasonTooSlow, ReasonTokenInvalid, ReasonClockSkew, ReasonNotRefused, ReasonWrongRefusal, ReasonChallenge,
	ReasonUndelivered, ReasonRedirect, ReasonForeignOrigin,
}

// A MissReason says why no run began at a due time. The list is closed too.
type MissReason string

const (
	MissOverlap    MissReason = "overlap"    // as many runs as may be made at once were still being made
	MissStuck      MissReason = "stuck"      // the runs still being made ignore that their time is over: a fault of the prober
	MissLate       MissReason = "late"       // the prober itself was too late, by more than MostLate: it was suspended or starved
	MissNoAccount  MissReason = "no_account" // every account of the pool was in use
	MissBudget     MissReason = "budget"     // every free account had used up its logins or what a day has, or rests
	MissQuarantine MissReason = "quarantine" // every free account is in quarantine
	MissPaused     MissReason = "paused"     // somebody, or the target, has paused the check
	// MissGoverned is a due time left out so as not to add to an outage. It is no
	// pause, which somebody wanted and may forget: it begins and ends by itself, and
	// only while the page is out.
	MissGoverned MissReason = "governed"
)

// beginMisses are those of MissReasons for which no run is there to be begun.
var beginMisses = []MissReason{MissNoAccount, MissBudget, MissQuarantine, MissPaused}

// MissReasons lists every reason for a missed run.
var MissReasons = []MissReason{MissOverlap, MissStuck, MissLate, MissNoAccount, MissBudget, MissQuarantine, MissPaused, MissGoverned}
