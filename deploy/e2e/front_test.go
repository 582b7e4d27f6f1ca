package e2e

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
)

// A front is the fault proxy in front of a server, as an operator starts it.
type front struct{ url string }

// newFront starts one at an address of freeAddresses. A server that is its own
// issuer is started before it, with this address as the issuer.
func newFront(t *testing.T, address, target string, faults ...string) *front {
	t.Helper()
	f := &front{"http://" + address}
	args := []string{"bank", "--in-front-of", target, "--listen", address, "--pass-host"}
	for _, fault := range faults {
		args = append(args, "--fault", fault)
	}
	start(t, nil, authprober(t), args...).ready(t, f.url+"/-/stats")
	return f
}

// A frontStats is what /-/stats of a front says.
type frontStats struct {
	Requests, Met, Unreached int64
	Faults                   []struct {
		Fault        map[string]any
		Matched, Met int64
	}
}

func (f *front) stats(t *testing.T) (s frontStats) {
	t.Helper()
	text, err := get(f.url + "/-/stats")
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// breaks adds a fault, such as "path=/token every=50 kind=status".
func (f *front) breaks(t *testing.T, fault string) {
	t.Helper()
	if _, err := call("POST", f.url+"/-/faults", nil, fault); err != nil {
		t.Fatal(err)
	}
}

// mend takes all faults away.
func (f *front) mend(t *testing.T) {
	t.Helper()
	if _, err := call("DELETE", f.url+"/-/faults", nil, ""); err != nil {
		t.Fatal(err)
	}
}

// blamed fails the test unless as many runs failed as requests met the front's one
// fault, whose rate is 5 %, at just these steps and for just these reasons ("tokens:
// status_5xx"). why counts the runs that failed, as failures does. It is for flows in
// which whatever meets the fault ends the run.
func (f *front) blamed(t *testing.T, why map[string]int, want ...string) {
	t.Helper()
	stats, failed := f.stats(t), 0
	for _, runs := range why {
		failed += runs
	}
	met, matched := int(stats.Met), int(stats.Faults[0].Matched)
	t.Logf("%d runs failed, %d of %d requests met a fault: %v", failed, met, matched, why)
	if got := slices.Sorted(maps.Keys(why)); !slices.Equal(got, want) {
		t.Errorf("failed at %q, want %q", got, want)
	}
	if failed != met || met == 0 || stats.Unreached != 0 {
		t.Errorf("%d runs failed, and %d requests met a fault, %d did not reach the server", failed, met, stats.Unreached)
	}
	within999(t, met, matched, 0.05)
}

// within999 fails the test where the share is outside the 99.9 % interval of the
// rate. What a proxy does is decided by its seed, so this passes always or never.
func within999(t *testing.T, met, of int, rate float64) {
	t.Helper()
	lower, upper := wilson(met, of, 3.291)
	if rate < lower || rate > upper {
		t.Errorf("%d of %d met a fault, which is %.2f %% to %.2f %%; want %.0f %% in it", met, of, 100*lower, 100*upper, 100*rate)
	}
}
