package e2e

import (
	"encoding/json"
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
