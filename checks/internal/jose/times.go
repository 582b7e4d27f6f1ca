package jose

import (
	"fmt"
	"math"
	"time"
)

// lastSecond is the end of the year 9999. What is later was not meant as
// seconds, which is what a time has to be (RFC 7519 section 2, NumericDate):
// now in milliseconds is far beyond it.
const lastSecond = 253402300799

// moment returns a claim that is a time; there says whether it is in the token.
func moment(claims map[string]any, name string) (at time.Time, there bool, err error) {
	v, there := claims[name]
	if !there {
		return time.Time{}, false, nil
	}
	seconds := math.NaN()
	switch v := v.(type) {
	case int:
		seconds = float64(v)
	case float64:
		seconds = v
	}
	if !(seconds >= 0 && seconds <= lastSecond) {
		return time.Time{}, true, &Error{kind: ErrMalformed, text: "token's " + name + " is no time in seconds"}
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true, nil
}

// A dated token is one whose times have been read. A zero time is not there.
type dated struct{ exp, iat, nbf time.Time }

func readTimes(claims map[string]any) (d dated, err error) {
	for _, c := range []struct {
		name string
		to   *time.Time
	}{{"exp", &d.exp}, {"iat", &d.iat}, {"nbf", &d.nbf}} {
		at, there, err := moment(claims, c.name)
		if err != nil {
			return d, err
		}
		if there {
			*c.to = at
		}
	}
	return d, nil
}

// times checks exp, nbf and iat (RFC 7519 section 4.1, OpenID Connect Core
// section 3.1.3.7, points 9 and 10). That a token is not valid yet is said
// before that it has expired: a clock ahead is the cause of both.
func (t *Trust) times(claims map[string]any, wantIAT bool) error {
	d, err := readTimes(claims)
	if err != nil {
		return err
	}
	if d.exp.IsZero() {
		return &Error{kind: ErrMalformed, text: "token has no exp"}
	}
	if d.iat.IsZero() && wantIAT {
		return &Error{kind: ErrMalformed, text: "token has no iat"}
	}
	leeway := t.leeway()
	latest := t.Now.Add(leeway)
	switch {
	case d.iat.After(latest):
		return t.untimely(ErrNotYetValid, d, "token's iat is %s ahead", d.iat.Sub(t.Now))
	case d.nbf.After(latest):
		return t.untimely(ErrNotYetValid, d, "token's nbf is %s ahead", d.nbf.Sub(t.Now))
	case !t.Now.Before(d.exp.Add(leeway)):
		return t.untimely(ErrExpired, d, "token's exp was %s ago", t.Now.Sub(d.exp))
	case t.Fresh > 0 && !d.iat.IsZero() && d.iat.Before(t.Now.Add(-t.Fresh-leeway)):
		return t.untimely(ErrStale, d, "token's iat was %s ago", t.Now.Sub(d.iat))
	}
	return nil
}

func (t *Trust) untimely(kind error, d dated, format string, by time.Duration) error {
	e := &Error{kind: kind, text: fmt.Sprintf(format, by.Round(time.Second))}
	issued := d.iat
	if issued.IsZero() {
		issued = d.nbf
	}
	if !issued.IsZero() {
		e.skew = issued.Sub(t.Now)
		e.off = e.skew.Abs() > t.leeway()
	}
	return e
}
