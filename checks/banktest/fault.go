package banktest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Kind is what a fault does to a request; the package comment says what
// each one is like.
type Kind string

// The kinds of fault.
const (
	KindStatus      Kind = "status"
	KindDelay       Kind = "delay"
	KindHang        Kind = "hang"
	KindReset       Kind = "reset"
	KindTruncate    Kind = "truncate"
	KindHTML        Kind = "html"
	KindWrongType   Kind = "wrong_type"
	KindRateLimit   Kind = "rate_limit"
	KindClockSkew   Kind = "clock_skew"
	KindFailOpen    Kind = "fail_open"
	KindHuge        Kind = "huge"
	KindInvalidUTF8 Kind = "invalid_utf8"
	KindEmpty       Kind = "empty"
	KindPadding     Kind = "padding"
	KindForeign     Kind = "foreign"
	KindAccepts     Kind = "accepts"

	// Those that meet a login, or what comes after its end.
	KindLockout      Kind = "lockout"
	KindCaptcha      Kind = "captcha"
	KindAccountLimit Kind = "account_limit"
	KindIPLimit      Kind = "ip_limit"
	KindStaleToken   Kind = "stale_token"
	KindTiming       Kind = "timing"
	KindEnumeration  Kind = "enumeration"
)

// Kinds returns every kind of fault.
func Kinds() []Kind {
	return []Kind{
		KindStatus, KindDelay, KindHang, KindReset, KindTruncate, KindHTML, KindWrongType,
		KindRateLimit, KindClockSkew, KindFailOpen, KindHuge, KindInvalidUTF8, KindEmpty,
		KindPadding, KindForeign, KindAccepts, KindLockout, KindCaptcha, KindAccountLimit, KindIPLimit, KindStaleToken,
		KindTiming, KindEnumeration,
	}
}

// A Fault is something that goes wrong for some requests. Its text form, read
// by [ParseFault] and written by String, is words like step=login; its JSON
// form is an object with the same words as members, numbers as numbers and
// durations and percentages as strings.
type Fault struct {
	// ID names a fault that a bank or a proxy has: f1, f2, and so on in the order
	// in which they were added. It is no part of the text form, and ignored where
	// one is added.
	ID string

	Step    string // one of [Steps], or "*" for all; "" is "*"
	Backend string // the name of one, or "*" for all; "" is "*"
	Release string // what the backend must run, or "*" for any; "" is "*"

	// Method is the request's, like POST; "" is all.
	Method string
	// Path is what the request's must be, decoded and without the query: the
	// same, or with a "*" at its end what it begins with, or after a "~" a
	// regular expression that finds something in it. "" is all.
	Path string

	// Of the requests that match, a fault meets each with probability Rate,
	// above 0 and at most 1, or exactly each Every-th; with neither it meets
	// all. It cannot have both.
	Rate  float64
	Every int

	Kind Kind

	// What some kinds alone have; the others' must be zero.
	Status     int           // status: 200 to 599; 0 is 503
	For        time.Duration // delay: above 0, at most an hour; stale_token: the same, 0 is 30 seconds
	RetryAfter time.Duration // rate_limit: whole seconds, at most a day; 0 is 30 seconds
	By         time.Duration // clock_skew: not 0, at most ten years either way; above 0 is fast; timing: at most a minute either way, 0 is 300 ms
	After      int64         // reset: bytes of the body sent before; 0 is no answer at all
	Size       int64         // huge: bytes, at most 1 GB; 0 is 1 GB
	What       string        // accepts: one of [Flaws]
	Limit      int           // account_limit, ip_limit: requests, at most 1000; 0 is 5 of an account, 60 of an address
	Per        time.Duration // account_limit, ip_limit: in which time, a second to a day; 0 is a minute
}

const (
	maxFaultSize  = 1_000_000_000
	maxFaultDelay = time.Hour
	maxRetryAfter = 24 * time.Hour
	maxSkew       = 10 * 365 * 24 * time.Hour
)

// parameters names the words that belong to some kinds alone.
var parameters = map[string][]Kind{
	"status": {KindStatus}, "for": {KindDelay, KindStaleToken}, "retry_after": {KindRateLimit},
	"by": {KindClockSkew, KindTiming}, "after": {KindReset}, "size": {KindHuge}, "what": {KindAccepts},
	"limit": {KindAccountLimit, KindIPLimit}, "per": {KindAccountLimit, KindIPLimit},
}

// Check returns everything that is wrong with f, in one error, or nil. It does
// not know which backends there are.
func (f Fault) Check() error {
	f = f.withDefaults()
	problems := f.checkMatch()
	if !slices.Contains(Kinds(), f.Kind) {
		what := fmt.Sprintf("unknown kind %q", string(f.Kind))
		if f.Kind == "" {
			what = "kind is missing"
		}
		return errors.Join(append(problems, fmt.Errorf("%s, want %s", what, oneOf(Kinds())))...)
	}
	for _, field := range f.fields() {
		if of, ok := parameters[field.key]; ok && !slices.Contains(of, f.Kind) {
			problems = append(problems, fmt.Errorf("%s is for kind %s, not %s", field.key, oneOf(of), f.Kind))
		}
	}
	return errors.Join(append(problems, f.checkParameter())...)
}

// checkMatch says what is wrong with the half that chooses requests.
func (f Fault) checkMatch() []error {
	var problems []error
	if f.Step != "*" && !slices.Contains(Steps(), f.Step) {
		problems = append(problems, fmt.Errorf("unknown step %q, want %s or *", f.Step, oneOf(Steps())))
	}
	for _, n := range [][2]string{{"backend", f.Backend}, {"release", f.Release}} {
		if n[1] == "*" {
			continue
		}
		if err := checkName(n[0], n[1]); err != nil {
			problems = append(problems, err)
		}
	}
	if _, err := newPathMatch(f.Path); err != nil {
		problems = append(problems, err)
	}
	if err := checkMethod(f.Method); err != nil {
		problems = append(problems, err)
	}
	switch {
	case f.Rate != 0 && f.Every != 0:
		problems = append(problems, errors.New("rate and every exclude each other"))
	case f.Every < 0:
		problems = append(problems, fmt.Errorf("every is %d, want at least 1", f.Every))
	case f.Every == 0 && !(f.Rate > 0 && f.Rate <= 1): // also for NaN
		problems = append(problems, fmt.Errorf("rate is %v, want above 0%% and at most 100%%", percent(f.Rate)))
	}
	return problems
}

// checkParameter says what is wrong with what the kind alone has.
func (f Fault) checkParameter() error {
	switch f.Kind {
	case KindStatus:
		if f.Status < 200 || f.Status > 599 {
			return fmt.Errorf("status is %d, want 200 to 599", f.Status)
		}
	case KindDelay, KindStaleToken:
		if f.For <= 0 || f.For > maxFaultDelay {
			return fmt.Errorf("for is %v, want above 0 and at most 1h", f.For)
		}
		if f.Kind == KindStaleToken {
			return f.onlyAt("which takes no access token", StepAccounts, StepDeviceEnrol, StepDeviceRemove, StepLogout)
		}
	case KindRateLimit:
		if f.RetryAfter < 0 || f.RetryAfter > maxRetryAfter || f.RetryAfter%time.Second != 0 {
			return fmt.Errorf("retry_after is %v, want whole seconds and at most 24h", f.RetryAfter)
		}
	case KindClockSkew:
		if f.By == 0 || f.By > maxSkew || f.By < -maxSkew {
			return fmt.Errorf("by is %v, want anything but 0 within ten years", f.By)
		}
	case KindReset:
		if f.After < 0 {
			return fmt.Errorf("after is %d, want bytes", f.After)
		}
	case KindHuge:
		if f.Size < 0 || f.Size > maxFaultSize {
			return fmt.Errorf("size is %d, want at most 1GB", f.Size)
		}
	case KindLockout, KindTiming, KindEnumeration:
		if f.By > maxTiming || f.By < -maxTiming {
			return fmt.Errorf("by is %v, want at most a minute either way", f.By)
		}
		return f.onlyAt("which takes no password", StepLogin)
	case KindCaptcha:
		return f.onlyAt("which takes no credential", StepLogin, StepOTP, StepDeviceLogin)
	case KindAccountLimit, KindIPLimit:
		return f.checkLimit()
	case KindFailOpen:
		return f.onlyAt("which takes no token", StepAccounts, StepDeviceEnrol, StepDeviceRemove, StepRefresh, StepLogout, StepToken)
	case KindAccepts:
		return f.checkWhat()
	case KindPadding:
		return f.onlyAt("which takes no signature", StepDeviceLogin)
	case KindForeign:
		return f.onlyAt("which takes no challenge", StepOTP, StepDeviceLogin)
	}
	return nil
}

// onlyAt refuses the steps at which a kind has nothing to do.
func (f Fault) onlyAt(why string, steps ...string) error {
	if f.Step == "*" || slices.Contains(steps, f.Step) {
		return nil
	}
	return fmt.Errorf("%s does nothing at step %q, %s; want %s or *", f.Kind, f.Step, why, oneOf(steps))
}

func (f Fault) withDefaults() Fault {
	for _, s := range []*string{&f.Step, &f.Backend, &f.Release} {
		if *s == "" {
			*s = "*"
		}
	}
	if f.Rate == 0 && f.Every == 0 {
		f.Rate = 1
	}
	switch {
	case f.Kind == KindStatus && f.Status == 0:
		f.Status = 503
	case f.Kind == KindRateLimit && f.RetryAfter == 0:
		f.RetryAfter = 30 * time.Second
	case f.Kind == KindHuge && f.Size == 0:
		f.Size = maxFaultSize
	case f.Kind == KindStaleToken && f.For == 0:
		f.For = 30 * time.Second
	case f.Kind == KindTiming && f.By == 0:
		f.By = 300 * time.Millisecond
	case f.Kind == KindAccountLimit || f.Kind == KindIPLimit:
		f = f.withLimit()
	}
	return f
}

func oneOf[T ~string](names []T) string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = string(n)
	}
	return strings.Join(all, ", ")
}
