package history

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
)

// asked are all the questions that a page asks, of each shape that they can have.
func asked(s *Store, now time.Time) map[string]func(context.Context) error {
	day := now.Add(-24 * time.Hour)
	all := map[string]func(context.Context) error{
		"strip":   func(ctx context.Context) error { _, err := s.Strip(ctx, "check-1", 120); return err },
		"run":     func(ctx context.Context) error { _, err := s.Run(ctx, s.last); return err },
		"changes": func(ctx context.Context) error { _, err := s.Changes(ctx, "check-1", day, now, 50); return err },
		"changes second page": func(ctx context.Context) error {
			_, err := s.ChangePage(ctx, "check-1", day, now, ChangeCursor{now.UnixMicro(), 7}, 50)
			return err
		},
		"changes all second page": func(ctx context.Context) error {
			_, err := s.ChangePage(ctx, "", day, now, ChangeCursor{now.UnixMicro(), 7}, 50)
			return err
		},
		"changes all": func(ctx context.Context) error { _, err := s.Changes(ctx, "", day, now, 50); return err },
		"series day":  func(ctx context.Context) error { _, err := s.Series(ctx, "check-1", day, now); return err },
		"series month": func(ctx context.Context) error {
			_, err := s.Series(ctx, "check-1", now.AddDate(0, -1, 0), now)
			return err
		},
		"causes day": func(ctx context.Context) error { _, err := s.Causes(ctx, "check-1", day, now); return err },
		"causes month": func(ctx context.Context) error {
			_, err := s.Causes(ctx, "check-1", now.AddDate(0, -1, 0), now)
			return err
		},
		"missed": func(ctx context.Context) error { _, err := s.Missed(ctx, "check-1", day, now); return err },
	}
	release := map[string]string{"release": "1.1"}
	both := map[string]string{"release": "1.1", "backend": "b2"}
	for name, f := range map[string]Filter{
		"all": {}, "check": {Check: "check-1"}, "failed": {Outcome: prober.Failed}, "errored": {Outcome: prober.Errored},
		"passed": {Outcome: prober.Passed}, "check failed": {Check: "check-1", Outcome: prober.Failed},
		"check errored": {Check: "check-1", Outcome: prober.Errored}, "step": {Step: "code"},
		"check step": {Check: "check-1", Step: "code"}, "reason": {Reason: prober.ReasonStatus5xx},
		"check reason": {Check: "check-1", Reason: prober.ReasonStatus5xx}, "step reason": {Step: "code", Reason: prober.ReasonStatus5xx},
		"account": {Account: "retail-3"}, "account failed": {Account: "retail-3", Outcome: prober.Failed},
		"account reason": {Account: "retail-3", Reason: prober.ReasonStatus5xx}, "check account": {Check: "check-1", Account: "retail-3"},
		"tag": {Tags: release}, "tags": {Tags: both}, "tag failed": {Tags: release, Outcome: prober.Failed},
		"check tag": {Check: "check-1", Tags: release}, "check tags reason": {Check: "check-1", Tags: both, Reason: prober.ReasonStatus5xx},
		"group": {Check: "group:both"}, "group failed": {Check: "group:both", Outcome: prober.Failed},
		"group reason": {Check: "group:both", Reason: prober.ReasonStatus5xx}, "group tag": {Check: "group:both", Tags: release},
		"since": {Since: day}, "check between": {Check: "check-1", Since: day, Until: now}, "failed between": {Outcome: prober.Failed, Since: day, Until: now},
		"second page": {Check: "check-1", Before: RunID(day.UnixMicro())}, "tags second page": {Tags: release, Before: RunID(day.UnixMicro())},
	} {
		all["runs "+name] = func(ctx context.Context) error { _, err := s.Runs(ctx, f); return err }
	}
	return all
}

// Every question is answered by an index that is in the order that is wanted: nothing is
// scanned, and nothing sorted.
func TestQueriesUseIndexes(t *testing.T) {
	s := inFile(t, filepath.Join(t.TempDir(), FileName), Options{})
	now := time.Now()
	checks := []*prober.Check{testCheck("check-0", ""), testCheck("check-1", "both"), testCheck("check-2", "both")}
	judge, err := prober.NewJudge(checks, s.ObserveStateChange)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Attach(t.Context(), judge, checks); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		c := checks[i%3]
		r := passed(c, i, now.Add(-time.Duration(200-i)*time.Minute))
		if i%5 == 0 {
			r = failed(c, i, r.Start)
		}
		if i%7 == 0 {
			r.Outcome, r.Err = prober.Errored, context.Canceled
		}
		judge.ObserveRun(r)
		s.ObserveRun(r)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = inFile(t, s.opts.File, Options{})
	type question struct {
		query string
		args  []any
	}
	for name, ask := range asked(s, now) {
		var questions []question
		s.seen = func(query string, args []any) { questions = append(questions, question{query, args}) }
		if err := ask(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.seen = nil
		if len(questions) == 0 {
			t.Errorf("%s asks nothing", name)
		}
		for _, q := range questions {
			for _, step := range explain(t, s, q.query, q.args) {
				if strings.HasPrefix(step, "SCAN") && step != "SCAN r" || strings.Contains(step, "TEMP B-TREE") {
					t.Errorf("%s: %q of %s", name, step, q.query)
				}
				// The runs themselves are in the order of their ids: the newest fifty of all are
				// read from the end, and no more than a page of them.
				if step == "SCAN r" {
					t.Errorf("%s: reads all runs: %s", name, q.query)
				}
			}
		}
	}
}

func explain(t *testing.T, s *Store, query string, args []any) (steps []string) {
	t.Helper()
	rows, err := s.db.Load().Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	return steps
}

// Sums are what a plain count of the runs comes to.
func TestSeriesAndCauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inFile(t, filepath.Join(t.TempDir(), FileName), Options{})
		c := testCheck("login", "both")
		judge, err := prober.NewJudge([]*prober.Check{c}, s.ObserveStateChange)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Attach(t.Context(), judge, []*prober.Check{c}); err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(5, 6))
		var runs []*prober.Run
		for i := range 700 {
			time.Sleep(10 * time.Second)
			r := passed(c, i, time.Now().Add(-2*time.Second))
			if rng.IntN(10) == 0 {
				r = failed(c, i, r.Start)
			}
			if rng.IntN(30) == 0 {
				r.Outcome, r.Err = prober.Errored, context.Canceled
			}
			r.Took = time.Duration(1+rng.IntN(1000)) * time.Millisecond
			r.Steps[0].Took = r.Took / 2
			judge.ObserveRun(r)
			s.ObserveRun(r)
			runs = append(runs, r)
			if i%100 == 0 {
				s.ObserveMissed(prober.Missed{Check: c, Reason: prober.MissOverlap, N: 3, At: time.Now()})
			}
		}
		settle(s)
		from, to := runs[0].End().Add(17*time.Minute), time.Now()
		for _, span := range []struct {
			from  time.Time
			width time.Duration
		}{{from, time.Minute}, {from.AddDate(0, 0, -5), time.Hour}} {
			got, err := s.Series(t.Context(), "login", span.from, to)
			if err != nil || got.Width != span.width {
				t.Fatalf("got buckets of %v: %v", got.Width, err)
			}
			holdSeries(t, got, runs)
			group, err := s.Series(t.Context(), "group:both", span.from, to)
			if err != nil || len(group.Buckets) != len(got.Buckets) || len(group.Steps) != 0 {
				t.Fatalf("the group has %d buckets and %d steps, want %d and 0: %v", len(group.Buckets), len(group.Steps), len(got.Buckets), err)
			}
			for i, b := range group.Buckets {
				if b.Failed != got.Buckets[i].Failed || b.Evidence != got.Buckets[i].Evidence && span.width == 0 {
					t.Errorf("the group has %+v, want %+v", b, got.Buckets[i])
				}
			}
			causes, err := s.Causes(t.Context(), "login", span.from, to)
			if err != nil {
				t.Fatal(err)
			}
			holdCauses(t, causes, within(runs, got.From, got.To))
			if ofGroup, err := s.Causes(t.Context(), "group:both", span.from, to); err != nil || !reflect.DeepEqual(ofGroup, causes) {
				t.Errorf("the group has %+v, want %+v: %v", ofGroup, causes, err)
			}
		}
		for _, f := range []Filter{{}, {Outcome: prober.Failed}, {Reason: prober.ReasonStatus5xx}, {Tags: map[string]string{"backend": "b3"}}} {
			of, group := f, f
			of.Check, group.Check = "login", "group:both"
			want, err := s.Runs(t.Context(), of)
			if got, err2 := s.Runs(t.Context(), group); err != nil || err2 != nil || len(want.Runs) == 0 || !reflect.DeepEqual(got, want) {
				t.Errorf("%+v: the group has %d runs, want %d: %v, %v", f, len(got.Runs), len(want.Runs), err, err2)
			}
		}
		missed, err := s.Missed(t.Context(), "login", time.Time{}.AddDate(1980, 0, 0), to.Add(time.Hour))
		n := 0
		for _, m := range missed {
			n += m.N
		}
		if err != nil || n != 21 || missed[0].Reason != prober.MissOverlap {
			t.Errorf("got %v: %v", missed, err)
		}
		if last := judge.Status(c, to).Evidence; last == 0 || lastEvidence(t, s, to) != last {
			t.Errorf("the last evidence is %v, want %v", lastEvidence(t, s, to), last)
		}
	})
}

func lastEvidence(t *testing.T, s *Store, to time.Time) float64 {
	series, err := s.Series(t.Context(), "login", to.Add(-time.Hour), to)
	if err != nil || len(series.Buckets) == 0 {
		t.Fatal(err)
	}
	return series.Buckets[len(series.Buckets)-1].EvidenceLast
}

// within are the runs that ended in a length of time.
func within(runs []*prober.Run, from, to time.Time) (some []*prober.Run) {
	for _, r := range runs {
		if !r.End().Before(from) && r.End().Before(to) {
			some = append(some, r)
		}
	}
	return some
}

func holdSeries(t *testing.T, got Series, all []*prober.Run) {
	t.Helper()
	total := 0
	for _, b := range got.Buckets {
		var want Bucket
		var took []time.Duration
		for _, r := range within(all, b.At, b.At.Add(got.Width)) {
			total++
			switch r.Outcome {
			case prober.Passed:
				want.Passed++
			case prober.Failed:
				want.Failed++
			default:
				want.Errored++
			}
			if r.Outcome.Counted() {
				took = append(took, r.Took)
			}
		}
		if b.Passed != want.Passed || b.Failed != want.Failed || b.Errored != want.Errored {
			t.Errorf("%v: got %+v, want %+v", b.At, b, want)
		}
		holdQuantiles(t, b.Took, took)
	}
	if want := len(within(all, got.From, got.To)); total != want {
		t.Errorf("there are %d runs in buckets, want %d", total, want)
	}
	if len(got.Steps) != 3 || got.Steps[2].Step != "login" {
		t.Fatalf("got the steps %+v", got.Steps)
	}
	for _, b := range got.Steps[2].Buckets {
		var took []time.Duration
		for _, r := range within(all, b.At, b.At.Add(got.Width)) {
			took = append(took, r.Steps[0].Took)
		}
		holdQuantiles(t, b.Quantiles, took)
	}
}

func holdQuantiles(t *testing.T, got Quantiles, of []time.Duration) {
	t.Helper()
	if got.N != len(of) || len(of) == 0 {
		if got.N != len(of) {
			t.Errorf("they are of %d, want %d", got.N, len(of))
		}
		return
	}
	slices.Sort(of)
	for q, is := range map[float64]time.Duration{0.5: got.P50, 0.95: got.P95, 0.99: got.P99, 1: got.Max} {
		want := of[int(math.Ceil(q*float64(len(of))))-1]
		if off := math.Abs(float64(is)/float64(want) - 1); off > 0.051 || q == 1 && is != want {
			t.Errorf("quantile %v is %v, want %v", q, is, want)
		}
	}
}

func holdCauses(t *testing.T, got Causes, runs []*prober.Run) {
	t.Helper()
	var want Causes
	tags := map[string][2]int{}
	for _, r := range runs {
		if !r.Outcome.Counted() {
			continue
		}
		want.Runs++
		failed := 0
		if r.Outcome == prober.Failed {
			failed = 1
			want.Failed++
		}
		for k, v := range tagsOf(r) {
			n := tags[k+"="+v]
			tags[k+"="+v] = [2]int{n[0] + failed, n[1] + 1}
		}
	}
	want.Reasons = []ReasonCount{{"code", prober.ReasonStatus5xx, want.Failed}}
	if got.Runs != want.Runs || got.Failed != want.Failed || !reflect.DeepEqual(got.Reasons, want.Reasons) || want.Failed == 0 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(got.Tags) != len(tags) || got.Tags[0].Tag.String() != "backend=b3" {
		t.Errorf("got the tags %+v, want %v", got.Tags, tags)
	}
	for _, tag := range got.Tags {
		if n := tags[tag.Tag.String()]; n != [2]int{tag.Failed, tag.Runs} || tag.Upper <= tag.Lower {
			t.Errorf("got %+v, want %v", tag, n)
		}
	}
}

func TestReplay(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	s := inFile(t, path, Options{})
	checks := []*prober.Check{testCheck("login", "both"), testCheck("status", "both"), testCheck("alone", "")}
	judge, err := prober.NewJudge(checks)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Attach(t.Context(), judge, checks); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-10 * time.Hour)
	of := map[string][]string{}
	const runs = replayed * 3 / 2
	for i := range runs {
		r := passed(checks[i%3], i, at.Add(time.Duration(i)*time.Second))
		if i%10 == 0 || i < 30 {
			r = failed(checks[i%3], i, r.Start)
		}
		judge.ObserveRun(r)
		s.ObserveRun(r)
		if i > 30 { // what was before is whole no more, as far as anybody knows
			text := fmt.Sprint(r.End().UnixMicro(), r.Outcome, r.Account, r.Tags["backend"])
			of[r.Check.Name] = append(of[r.Check.Name], text)
			if r.Check.Group != "" {
				of["group:both"] = append(of["group:both"], text)
			}
		}
		if i%1000 == 0 {
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := OpenReadOnly(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for name, leftOut := range map[string]int{"login": 11, "status": 10, "alone": 10, "group:both": 21} {
		var got []string
		n, err := Replay(t.Context(), db, name, func(p *Past) error {
			got = append(got, fmt.Sprint(p.End.UnixMicro(), p.Outcome, p.Tags["account"], p.Tags["backend"]))
			return nil
		})
		if err != nil || n != leftOut || !reflect.DeepEqual(got, of[name]) {
			t.Errorf("%s: got %d runs and %d left out, want %d and %d: %v", name, len(got), n, len(of[name]), leftOut, err)
		}
	}
	if _, err := Replay(t.Context(), db, "nobody", nil); err == nil {
		t.Error("a check that is none is no error")
	}
}
