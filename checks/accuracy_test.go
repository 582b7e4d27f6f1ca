package checks

import (
	"testing"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// One of five backends is broken. Over connections that are kept, a prober
// would read 0 % or 100 %; over fresh ones the ratio is what customers see.
func TestRatioIsHonest(t *testing.T) {
	broken, err := banktest.ParseFault("step=status backend=b3 kind=status status=503")
	if err != nil {
		t.Fatal(err)
	}
	backends := make([]banktest.Backend, 5)
	for i := range backends {
		backends[i] = banktest.Backend{Name: string([]byte{'b', byte('1' + i)}), Release: "1.0.0"}
	}
	bank := banktest.NewServer(banktest.Options{Seed: 1, Backends: backends, Faults: []banktest.Fault{broken}})
	defer bank.Close()
	c := mustLoad(t, Options{}, oneStep(bank.URL, "request: GET /v1/status\nexpect: [status == 200]"))
	failed := 0
	const runs = 2000
	for range runs {
		r := probeOnce(t, c)
		if r.Outcome() == prober.Failed {
			failed++
		}
	}
	if in := detect.Wilson(failed, runs); in.Lower > 0.2 || in.Upper < 0.2 {
		t.Errorf("%d of %d runs failed: 20 %% is outside the interval from %.3f to %.3f", failed, runs, in.Lower, in.Upper)
	}
}
