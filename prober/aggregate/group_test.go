package aggregate

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// groupOf judges the flows, each every 10 s, and together as the group bank.
func groupOf(f *fake, flows ...string) *Aggregator {
	var all []*prober.Check
	for _, name := range flows {
		all = append(all, &prober.Check{Name: name, Group: "bank", Objective: objective, Schedule: prober.Schedule{Every: 10 * time.Second}})
	}
	group := prober.Groups(all)[0].Check
	group.Name = prober.PooledPrefix + group.Name
	a := aggregatorOf(f, nil)
	o := a.o
	o.Known = nil
	for _, name := range flows {
		o.Known = append(o.Known, []string{name})
	}
	o.Subject = func(values []string) (Subject, bool) {
		i := slices.Index(flows, values[0])
		if i < 0 {
			return Subject{}, false
		}
		c := *all[i]
		c.Name = prober.PooledPrefix + c.Name
		return Subject{Check: &c, Params: Scheduled(all[i], 15*time.Second)}, true
	}
	o.Group = func(c *prober.Check) (Subject, bool) {
		return Subject{Check: group, Flows: flows, Params: ScheduledGroup(objective, all, 15*time.Second)}, c.GroupCheck() == group.Name
	}
	return New(o)
}

// standAll is what two aggregators that have read the same agree about, of each of their checks.
func standAll(a *Aggregator, now time.Time) map[string]Standing {
	all := map[string]Standing{}
	for _, s := range a.Standings(now) {
		name := s.Status.Check.Name
		s.Status.Check, s.Through = nil, time.Time{}
		all[name] = s
	}
	return all
}

// TestGroupOfARoughDay: what a group has is what its flows have, each run once, whenever it is read.
func TestGroupOfARoughDay(t *testing.T) {
	for seed := range uint64(2) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 4))
			f := newFake()
			start := time.Now()
			for _, prefix := range []string{"", "transfer@", "cards@"} {
				roughHours(f, random, start, prefix)
			}
			of := func() *Aggregator {
				a := groupOf(f, "login", "transfer") // nobody asks for the cards
				a.o.Replay = 13 * time.Hour
				return a
			}
			steady, other, fired := of(), of(), map[string]int{}
			steady.o.Changed = append(steady.o.Changed, func(c prober.StateChange) { fired[c.Check.Name] += map[bool]int{true: 1}[c.To == detect.Firing] })
			end, late := start.Add(12*time.Hour), of()
			readRoughDay(t, random, start, end, steady, other, late)
			want := standAll(steady, end.Add(time.Hour))
			for name, a := range map[string]*Aggregator{"read at other moments": other, "read at the end": late} {
				if got := standAll(a, end.Add(time.Hour)); !reflect.DeepEqual(got, want) {
					t.Errorf("seed %d, %s:\n got %+v\nwant %+v", seed, name, got, want)
				}
			}
			if fired["all:group:bank"] == 0 || len(want) != 3 {
				t.Fatalf("seed %d: %v, %d checks: it was not rough enough", seed, fired, len(want))
			}
			holdSum(t, want["all:group:bank"], want["all:login"], want["all:transfer"])
			if group, flow := steady.groups["all:group:bank"].stream, steady.pools["login"].stream; group.samples != flow.samples+steady.pools["transfer"].stream.samples {
				t.Errorf("seed %d: %d samples of the group", seed, group.samples)
			}
		})
	}
}

// holdSum holds a group to be all of its flows, and no more.
func holdSum(t *testing.T, group Standing, flows ...Standing) {
	t.Helper()
	var sum Standing
	for _, s := range flows {
		sum.Status.Counts.Passed += s.Status.Counts.Passed
		sum.Status.Counts.Failed += s.Status.Counts.Failed
		sum.Load.Instances += s.Load.Instances
		sum.RunsToFalsePage += s.RunsToFalsePage
		sum.Resets += s.Resets
	}
	if group.Status.Counts != sum.Status.Counts || group.Load.Instances != sum.Load.Instances || group.RunsToFalsePage != sum.RunsToFalsePage || group.Resets != sum.Resets {
		t.Errorf("the group has %+v\nits flows %+v", group, sum)
	}
}

// A bankOf has two flows at two instances, which run every 7.5 s each.
type bankOf struct {
	f                 *fake
	runs              float64
	failed            map[string]float64
	aggregator        *Aggregator
	firing, explained string
}

func newBankOf(t *testing.T) *bankOf {
	b := &bankOf{f: newFake(), failed: map[string]float64{}}
	b.aggregator = groupOf(b.f, "login", "transfer")
	b.scrape(t, "")
	return b
}

// scrape is that of all counters, after a quarter of a minute in which one run of each that is named failed.
func (b *bankOf) scrape(t *testing.T, failing string) {
	t.Helper()
	time.Sleep(15 * time.Second)
	for _, flow := range []string{"login", "transfer"} {
		for _, instance := range []string{"a", "b"} {
			if strings.Contains(failing, flow+"@"+instance) {
				b.failed[flow+"@"+instance]++
			}
			b.f.scrape(flow+"@"+instance, b.runs, b.failed[flow+"@"+instance])
		}
	}
	b.runs += 2
	if err := b.aggregator.Poll(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	b.look()
}

// look notes who fires and who is explained.
func (b *bankOf) look() {
	b.firing, b.explained = "", ""
	for _, s := range b.aggregator.Status(time.Now()) {
		if s.State == detect.Firing {
			b.firing += s.Check.Name + " "
		}
		if s.Explained {
			b.explained += s.Check.Name + " "
		}
	}
}

// holdRestart holds that one that begins now knows as much.
func (b *bankOf) holdRestart(t *testing.T) {
	t.Helper()
	again := groupOf(b.f, "login", "transfer")
	again.o.Replay = 23 * time.Hour
	if err := again.Poll(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if got, want := standAll(again, time.Now()), standAll(b.aggregator, time.Now()); !reflect.DeepEqual(got, want) {
		t.Errorf("read again:\n got %+v\nwant %+v", got, want)
	}
}

// TestGroupExplains: a flow that takes longer to show that it is well than the group whose page has told of
// it is explained, until it fails twice; one that was firing before is not. A restart knows as much.
func TestGroupExplains(t *testing.T) {
	for _, before := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := newBankOf(t)
			b.aggregator.o.Replay = 23 * time.Hour
			if before {
				for range 30 {
					b.scrape(t, "login@a")
				}
				for i := 0; b.firing != "all:login " && i < 2000; i++ { // the group is well again; the flow hardly
					b.scrape(t, map[bool]string{true: "login@a"}[i%24 == 0])
				}
				if b.firing != "all:login " {
					t.Fatalf("firing: %s", b.firing)
				}
			}
			for range 30 {
				b.scrape(t, "login@a transfer@b")
			}
			if b.firing != "all:login all:transfer all:group:bank " || b.explained != "" {
				t.Fatalf("firing: %s, explained: %s", b.firing, b.explained)
			}
			for i := 0; strings.Contains(b.firing, "group") && i < 400; i++ {
				b.scrape(t, "")
			}
			want := map[bool]string{false: "all:login all:transfer ", true: "all:transfer "}[before]
			if b.firing != "all:login all:transfer " || b.explained != want {
				t.Fatalf("after the group's page: firing %s, explained %s", b.firing, b.explained)
			}
			b.holdRestart(t)
			for _, want := range []string{want, strings.ReplaceAll(want, "all:transfer ", "")} {
				b.scrape(t, "transfer@a")
				b.scrape(t, "")
				b.scrape(t, "")
				if b.explained != want {
					t.Errorf("transfer failed: explained %q, want %q", b.explained, want)
				}
			}
			b.holdRestart(t)
			for i := 0; b.firing != "" && i < 4000; i++ {
				b.scrape(t, "")
			}
			if b.firing != "" || b.explained != "" {
				t.Errorf("when all is well: firing %q, explained %q", b.firing, b.explained)
			}
		})
	}
}

// TestGroupSaysWhere: what fails is one flow at one instance, and the group says which.
func TestGroupSaysWhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBankOf(t)
		for range 40 {
			b.scrape(t, "transfer@b")
		}
		time.Sleep(30 * time.Second)
		all := b.aggregator.Status(time.Now())
		group := all[len(all)-1]
		got := fmt.Sprintf("%s %s: %s", group.State, group.Check.Name, group.BlameText())
		const want = "firing all:group:bank: fails in 1 of 2 flows: transfer "
		if !strings.HasPrefix(got, want) || !strings.Contains(got, "; fails at 1 of 2 places: b ") || prober.Everywhere(group.Places) {
			t.Errorf("got %s", got)
		}
		err := testutil.CollectAndCompare(b.aggregator, strings.NewReader(`
# HELP authprober_aggregate_flow_failure_ratio Share of the runs of a flow of a group that failed in the last hour, at all places; NaN without any.
# TYPE authprober_aggregate_flow_failure_ratio gauge
authprober_aggregate_flow_failure_ratio{check="all:group:bank",flow="login"} 0
authprober_aggregate_flow_failure_ratio{check="all:group:bank",flow="transfer"} 0.25
# HELP authprober_aggregate_instances The most counters of runs that there were at once: by so many the runs to a false page are scaled.
# TYPE authprober_aggregate_instances gauge
authprober_aggregate_instances{check="all:group:bank"} 4
authprober_aggregate_instances{check="all:login"} 2
authprober_aggregate_instances{check="all:transfer"} 2
`), "authprober_aggregate_flow_failure_ratio", "authprober_aggregate_instances")
		if err != nil {
			t.Error(err)
		}
	})
}

// TestScheduledGroup: a group has the runs of its flows, confirming ones too, wherever each is run.
func TestScheduledGroup(t *testing.T) {
	checks := []*prober.Check{
		{Name: "a", Objective: objective, Schedule: prober.Schedule{Every: 10 * time.Second}},
		{Name: "b", Objective: objective, Schedule: prober.Schedule{Every: time.Minute, Confirm: time.Second, ConfirmBudget: detect.DefaultBudget}},
	}
	of := func(load map[string]int) float64 {
		return ScheduledGroup(objective, checks, 15*time.Second)(Load{Of: load}).RunsToFalsePage
	}
	alone := func(i, n int) float64 {
		return Scheduled(checks[i], 15*time.Second)(Load{Instances: n}).RunsToFalsePage
	}
	for _, n := range [][2]int{{1, 1}, {3, 3}, {50, 2}} {
		got, want := of(map[string]int{"a": n[0], "b": n[1]}), alone(0, n[0])+alone(1, n[1])
		if got < want-1e-6 || got > want+1 {
			t.Errorf("%v: %v runs to a false page, want %v", n, got, want)
		}
	}
}
