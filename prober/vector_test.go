package prober

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
)

// TestVectorsGatherAsARegistry: whatever happens to checks, each family is what a registry
// makes of the same collector, order, exemplars and native buckets included.
func TestVectorsGatherAsARegistry(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	_, checks := benchObservers(t, 12)
	for i, c := range checks {
		if i%2 == 1 {
			c.Schedule.Confirm, c.Schedule.ConfirmBudget = time.Second, 1
		}
		c.RefuseSteps = c.Steps[:i%3]
	}
	m, err := NewMetrics(MetricsOptions{Checks: checks[:6], Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	plain := prometheus.NewRegistry()
	for c := range m.in.ofChecks {
		plain.MustRegister(c)
	}
	for round := range 300 {
		for range chance.IntN(4) {
			happen(m, checks, chance)
		}
		sameFamilies(t, round, m.in.ofChecks, plain)
	}
}

// happen is one thing that changes values, or which series there are.
func happen(m *Metrics, checks []*Check, chance *rand.Rand) {
	c := checks[chance.IntN(len(checks))]
	r := benchRun(c, time.Unix(0, 0), chance.IntN(300))
	switch chance.IntN(8) {
	case 0:
		shuffled := slices.Clone(checks)
		chance.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		m.ReplaceChecks(shuffled[:chance.IntN(len(shuffled)+1)])
		return
	case 1:
		m.ObserveMissed(Missed{Check: c, N: 3, Reason: MissReasons[chance.IntN(len(MissReasons))]})
		return
	case 2:
		r.Outcome = Failed
		r.Steps[1].Reason = Reason("reason-" + string(rune('a'+chance.IntN(26)))) // one that nobody has announced
	case 3:
		r.CertificateExpiry = time.Unix(chance.Int64N(1e9), 0)
	case 4:
		r.HasClockSkew, r.ClockSkew = true, time.Duration(chance.Int64N(1e9))
	}
	m.ObserveRun(r)
}

// sameFamilies compares what two gatherers gather, in whatever order the families are.
func sameFamilies(t *testing.T, round int, got, want prometheus.Gatherer) {
	t.Helper()
	var families [2][]*dto.MetricFamily
	for i, g := range []prometheus.Gatherer{got, want} {
		var err error
		if families[i], err = g.Gather(); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(families[i], func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	}
	if len(families[0]) != len(families[1]) {
		t.Fatalf("round %d: %d families, want %d", round, len(families[0]), len(families[1]))
	}
	for i, f := range families[0] {
		if !proto.Equal(f, families[1][i]) {
			t.Fatalf("round %d: got\n%v\nwant\n%v", round, f, families[1][i])
		}
	}
}
