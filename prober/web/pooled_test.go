package web

import (
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
	"github.com/authprober/authprober/prober/web/api"
)

// pooledStatus is a check of an aggregator, in two places, as it was read at a moment.
func pooledStatus(read time.Time) prober.CheckStatus {
	hour := prober.Ratio{Window: time.Hour, Failed: 8, Runs: 359, Interval: detect.Wilson(8, 359)}
	return prober.CheckStatus{
		Check: &prober.Check{Name: "all:login", Objective: detect.DefaultObjective, Schedule: prober.Schedule{Every: 10 * time.Second}},
		State: detect.Suspect, Pace: prober.PaceChange{To: prober.PaceScheduled}, Counts: prober.Counts{Passed: 702, Failed: 16},
		Places: []prober.PlaceStatus{{Name: "linz", Ratio: hour, Failing: true}, {Name: "vienna", Ratio: hour}},
		Pooled: &prober.PooledStatus{Instances: 2, RunsToFalsePage: 518400, Every: 15 * time.Second, Read: read, Through: read.Add(-20 * time.Second),
			Last: detect.Batch{From: read.Add(-35 * time.Second), To: read.Add(-20 * time.Second), Passed: 3, Failed: 1}},
	}
}

// TestPooledRow: a check that has no single runs shows what it does have.
func TestPooledRow(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name     string
		change   func(*prober.CheckStatus)
		rank     int
		has, not []string
	}{
		{"as it is", func(*prober.CheckStatus) {}, rankSuspect,
			[]string{"718 runs judged, 2 instances in 2 places<", "<dd>518400 runs to a false page<", "1 of 4 runs failed, ", "judged until", ">25s ago<", ">5s ago<", "fails at 1 of 2 places: linz"}, []string{"warnings", "nothing was"}},
		{"stale", func(s *prober.CheckStatus) { s.State, s.Pooled.Read = detect.Healthy, now.Add(-5*time.Minute) }, rankBlind,
			[]string{"nothing was read for 5m0s: this is how it stood then"}, nil},
		{"partial", func(s *prober.CheckStatus) { s.Pooled.Partial = true }, rankSuspect, []string{"come with warnings"}, nil},
		{"nothing yet", func(s *prober.CheckStatus) {
			s.State, s.Counts, s.Pooled.Last, s.Pooled.Through, s.Places = detect.Healthy, prober.Counts{}, detect.Batch{}, time.Time{}, nil
		}, rankBlind, []string{"nothing counted", "nothing was counted yet", "0 runs judged, 2 instances<"}, []string{"judged until"}},
		{"real logins", func(s *prober.CheckStatus) {
			s.Pooled.Measured, s.Pooled.Held, s.Places, s.Counts, s.State = true, 40, nil, prober.Counts{}, detect.Healthy
		},
			rankBlind, []string{"0 runs judged<", "40 runs wait for a pace to be known"}, []string{"instance", "nothing was counted"}},
	} {
		s := pooledStatus(now.Add(-5 * time.Second))
		test.change(&s)
		p := newPages(Options{Recent: NewRecent(nil, nil), Ready: func() bool { return true }})
		r := p.newRow(&s, now, true)
		var b strings.Builder
		if err := p.templates["overview"].ExecuteTemplate(&b, "row", r); err != nil {
			t.Fatal(err)
		}
		if r.Rank != test.rank {
			t.Errorf("%s: the rank %d, want %d", test.name, r.Rank, test.rank)
		}
		for _, want := range test.has {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %q in\n%s", test.name, want, b.String())
			}
		}
		for _, not := range append(test.not, "no run yet", "missed", "inconclusive") {
			if strings.Contains(b.String(), not) {
				t.Errorf("%s: %q in\n%s", test.name, not, b.String())
			}
		}
	}
}

// TestPooledAPI: the API has what the page has, in the words of its file.
func TestPooledAPI(t *testing.T) {
	s := pooledStatus(time.Now())
	_, schemas := readOpenAPI(t)
	schema, err := schemas.Compile("openapi.json#/components/schemas/Check")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(api.NewCheck(&s))
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
	pooled := v["pooled"].(map[string]any)
	if last := pooled["last"].(map[string]any); pooled["instances"] != 2.0 || pooled["runs_to_false_page"] != 518400.0 || last["failed"] != 1.0 || last["runs"] != 4.0 ||
		len(pooled["places"].([]any)) != 2 || pooled["every_seconds"] != 15.0 {
		t.Errorf("got %s", text)
	}
}

// TestPooledIsLive: the page of an aggregator, which is told of no run, takes rows over after each
// reading, and comes again when there are other checks.
func TestPooledIsLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now atomic.Pointer[[]prober.CheckStatus]
		stand := func(all ...prober.CheckStatus) { now.Store(&all) }
		stand(pooledStatus(time.Now().Add(-time.Minute)))
		p := newPages(Options{Recent: NewRecent(nil, nil), Checks: func() []prober.CheckStatus { return slices.Clone(*now.Load()) }})
		b := &broadcaster{touched: p.touched, generation: p.generation, rows: p.rows}
		l := listen(b, t.Context(), p.live(time.Now(), "", nil))
		if got := l.next(t); got != ": nothing new" {
			t.Errorf("at first: %s", got)
		}
		stand(pooledStatus(time.Now()))
		if got := l.next(t); !strings.HasPrefix(got, "event: checks ") || !strings.Contains(got, "check-all:login") {
			t.Errorf("after a reading: %s", got)
		}
		more := pooledStatus(time.Now())
		more.Check = &prober.Check{Name: "all:other"}
		stand(pooledStatus(time.Now()), more)
		if got := l.next(t); got != "event: replaced data: " {
			t.Errorf("with another check: %s", got)
		}
		l.cancel()
		<-l.ended
	})
}
