package checks

import (
	"strings"
	"testing"
)

func TestLogins(t *testing.T) {
	for perSecond, want := range map[float64]string{
		20: "1200 logins a minute", 1.0 / 60: "1 login a minute", 0.2: "12 logins a minute", 12345.678: "740741 logins a minute",
		1.0 / 3600: "1 login an hour", 1.0 / 90: "40 logins an hour", 1.0 / 86400: "1 login a day", 1e-6: "0.0864 logins a day",
	} {
		if got := logins(perSecond); got != want {
			t.Errorf("%v: got %s, want %s", perSecond, got, want)
		}
	}
}

// What a schedule asks of a pool is a mistake, unless the flow is run at another pace.
func TestAnyPace(t *testing.T) {
	dir := write(t, map[string]string{
		"flow.yaml": flowNamed("x") + "accounts: retail\nschedule: {every: 1s, timeout: 1s, concurrency: 2}\n",
		"pool.yaml": "pools:\n  retail:\n    max_logins: 1 per minute\n    accounts: [{name: one}]\n",
	})
	_, err := Load([]string{dir}, Options{})
	for _, want := range []string{
		`concurrency is 2, and the pool "retail" has 1 account; a run leases one for itself`,
		`the pool "retail" can give 1 login a minute and is asked for 60 logins a minute by x; add accounts, raise max_logins or run less often`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s in it", err, want)
		}
	}
	c, err := Load([]string{dir}, Options{AnyPace: true})
	if err != nil || c.Checks[0].Schedule.Concurrency != 2 {
		t.Errorf("at any pace: got %v", err)
	}
}
