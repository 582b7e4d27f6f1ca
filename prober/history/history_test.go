package history

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// testCheck is a check of three steps that runs every 10 s.
func testCheck(name, group string) *prober.Check {
	return &prober.Check{
		Name: name, Group: group,
		Steps:     []string{"login", "code", "accounts"},
		Reasons:   [][]prober.Reason{prober.Reasons, prober.Reasons, prober.Reasons},
		Schedule:  prober.Schedule{Every: 10 * time.Second, Timeout: 5 * time.Second, Concurrency: 1},
		Objective: detect.DefaultObjective,
		Begin:     func(time.Time) (prober.Attempt, prober.MissReason) { return prober.Attempt{}, prober.MissPaused },
	}
}

// passed and failed are runs that began at the given time and took a second.
func passed(c *prober.Check, seq int, start time.Time) *prober.Run {
	return &prober.Run{Check: c, Seq: uint64(seq), Due: start.Add(-time.Millisecond), Start: start, Took: time.Second,
		Outcome: prober.Passed, Account: fmt.Sprintf("retail-%d", seq%7), Report: prober.Report{
			TraceID: fmt.Sprintf("%032x", seq),
			Tags:    map[string]string{"release": fmt.Sprint("1.", seq%2), "backend": fmt.Sprint("b", seq%3)},
			Steps: []prober.StepResult{
				{Name: "login", Took: 300 * time.Millisecond, Remote: "192.0.2.1:443", Status: 200},
				{Name: "code", Start: 300 * time.Millisecond, Took: 200 * time.Millisecond, Status: 200},
				{Name: "accounts", Start: 500 * time.Millisecond, Took: 500 * time.Millisecond, Status: 200},
			},
		}}
}

func failed(c *prober.Check, seq int, start time.Time) *prober.Run {
	r := passed(c, seq, start)
	r.Outcome = prober.Failed
	r.Tags["backend"] = "b3"
	r.Steps = r.Steps[:2]
	r.Steps[1].Reason, r.Steps[1].Detail, r.Steps[1].Status = prober.ReasonStatus5xx, "want status == 200, got 503", 503
	r.Steps[1].Exchange = &prober.Exchange{Request: "POST /v1/login/otp", Status: 503, Answer: "{}", Header: []prober.Field{{Name: "Accept", Value: "*/*"}}}
	r.Cleanup = []prober.StepResult{{Name: "logout", Skipped: true}}
	return r
}

// inMemory is a store in memory, which the test's end closes.
func inMemory(t testing.TB, opts Options) *Store {
	t.Helper()
	db, err := OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return storeOver(t, db, opts)
}

func storeOver(t testing.TB, db *sql.DB, opts Options) *Store {
	t.Helper()
	s, err := New(t.Context(), db, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// inFile opens the store of a file.
func inFile(t testing.TB, path string, opts Options) *Store {
	t.Helper()
	db, aside, err := OpenFile(t.Context(), path)
	if err != nil || aside != "" {
		t.Fatal(err, aside)
	}
	opts.File = path
	return storeOver(t, db, opts)
}

// settle waits until all that a store was told is written, or was tried to be.
func settle(s *Store) {
	time.Sleep(2 * writeEvery)
	synctest.Wait()
}

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) {
	if path := os.Getenv(killedVariable); path != "" {
		killedRole(path)
	}
	goleak.VerifyTestMain(m)
}

// Everything that is told comes back as it was.
func TestRunsComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inFile(t, filepath.Join(t.TempDir(), FileName), Options{})
		c := testCheck("login", "")
		start := time.Now()
		errored := passed(c, 3, start.Add(20*time.Second))
		errored.Outcome, errored.Err, errored.Steps = prober.Errored, errors.New("no such file"), nil
		sampled := passed(c, 4, start.Add(30*time.Second))
		sampled.Steps[0].Exchange = &prober.Exchange{Request: "POST /v1/login"}
		sampled.Confirm = true
		told := []*prober.Run{passed(c, 1, start), failed(c, 2, start.Add(10*time.Second)), errored, sampled}
		for _, r := range told {
			s.ObserveRun(r)
		}
		settle(s)
		page, err := s.Runs(t.Context(), Filter{})
		if err != nil || len(page.Runs) != len(told) || page.Next != 0 {
			t.Fatalf("got %d runs, next %d: %v", len(page.Runs), page.Next, err)
		}
		for i, got := range page.Runs {
			is := told[len(told)-1-i]
			want := Run{ID: RunID(is.End().UnixMicro()), Check: "login", Seq: is.Seq, Due: micros(is.Due), Start: micros(is.Start), Took: is.Took,
				Outcome: is.Outcome, Account: is.Account, TraceID: is.TraceID, Tags: tagsOf(is), Confirm: is.Confirm, Kept: i < 3}
			switch is.Outcome {
			case prober.Failed:
				want.Step, want.Reason, want.Detail = "code", prober.ReasonStatus5xx, "want status == 200, got 503"
			case prober.Errored:
				want.Detail = "no such file"
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
			d, err := s.Run(t.Context(), got.ID)
			if err != nil {
				t.Fatal(err)
			}
			if byTrace, err := s.RunOfTrace(t.Context(), is.TraceID); err != nil || !reflect.DeepEqual(byTrace, d) {
				t.Errorf("run %d by its trace id: got %+v, %v", is.Seq, byTrace, err)
			}
			if is.Seq == 1 {
				is.Steps, is.Cleanup = nil, nil // not kept
			}
			if !reflect.DeepEqual(d.Steps, is.Steps) || !reflect.DeepEqual(d.Cleanup, is.Cleanup) {
				t.Errorf("run %d: got %+v and %+v\nwant %+v and %+v", is.Seq, d.Steps, d.Cleanup, is.Steps, is.Cleanup)
			}
		}
		if _, err := s.Run(t.Context(), 1); !errors.Is(err, ErrNotFound) {
			t.Errorf("got %v, want %v", err, ErrNotFound)
		}
		for _, trace := range []string{"", "no hex", strings.Repeat("0f", 16)} {
			if _, err := s.RunOfTrace(t.Context(), trace); !errors.Is(err, ErrNotFound) {
				t.Errorf("a run of the trace %q: got %v, want %v", trace, err, ErrNotFound)
			}
		}
		strip, err := s.Strip(t.Context(), "login", 3)
		want := []Mark{{page.Runs[2].ID, prober.Failed}, {page.Runs[1].ID, prober.Errored}, {page.Runs[0].ID, prober.Passed}}
		if err != nil || !reflect.DeepEqual(strip, want) {
			t.Errorf("got %v, want %v: %v", strip, want, err)
		}
	})
}

// micros is a time as it is stored.
func micros(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro()) }

// Filters choose what a plain loop over everything does, and pages follow each other
// without a gap.
func TestFilters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inFile(t, filepath.Join(t.TempDir(), FileName), Options{})
		checks := []*prober.Check{testCheck("login", ""), testCheck("status", "")}
		start := time.Now()
		for i := range 600 {
			r := passed(checks[i%2], i, start.Add(time.Duration(i)*time.Second))
			if i%5 == 0 {
				r = failed(checks[i%2], i, r.Start)
			}
			if i%20 == 0 {
				r.Steps[1].Reason = prober.ReasonTimeout
			}
			if i%31 == 0 {
				r.Outcome, r.Err = prober.Aborted, prober.ErrShutdown
			}
			s.ObserveRun(r)
		}
		settle(s)
		whole, err := s.Runs(t.Context(), Filter{Limit: MostOnPage})
		if err != nil || len(whole.Runs) != 600 {
			t.Fatalf("got %d runs: %v", len(whole.Runs), err)
		}
		for _, f := range []Filter{
			{Check: "login"}, {Check: "status", Outcome: prober.Failed}, {Outcome: prober.Failed}, {Outcome: prober.Passed},
			{Outcome: prober.Aborted}, {Reason: prober.ReasonTimeout}, {Reason: prober.ReasonStatus5xx, Check: "status"},
			{Account: "retail-3"}, {Account: "retail-3", Outcome: prober.Failed}, {Step: "code"}, {Step: "login"},
			{Step: "code", Outcome: prober.Passed}, {Tags: map[string]string{"backend": "b1"}},
			{Tags: map[string]string{"backend": "b3", "release": "1.0"}, Outcome: prober.Failed, Check: "login"},
			{Tags: map[string]string{"backend": "b1", "release": "1.1"}, Account: "retail-2"},
			{Tags: map[string]string{"remote": "192.0.2.1:443"}, Since: start.Add(100 * time.Second), Until: start.Add(200 * time.Second)},
			{Since: start.Add(590 * time.Second)}, {Check: "nobody"}, {Account: "nobody"}, {Tags: map[string]string{"backend": "x"}},
			{Account: "retail-1", Reason: prober.ReasonTimeout}, {Tags: map[string]string{"backend": "b3"}, Reason: prober.ReasonTimeout},
		} {
			var want, got []RunID
			for _, r := range whole.Runs {
				if chosen(&f, &r) {
					want = append(want, r.ID)
				}
			}
			f.Limit = 7
			for {
				page, err := s.Runs(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range page.Runs {
					got = append(got, r.ID)
				}
				if f.Before = page.Next; f.Before == 0 {
					break
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%+v: got %d runs, want %d", f, len(got), len(want))
			}
		}
		if _, err := s.Runs(t.Context(), Filter{Outcome: "great"}); err == nil {
			t.Error("an outcome that is none is no error")
		}
	})
}

// chosen is what a filter says, in a plain way.
func chosen(f *Filter, r *Run) bool {
	for k, v := range f.Tags {
		if r.Tags[k] != v {
			return false
		}
	}
	end := r.ID.Time()
	return (f.Check == "" || f.Check == r.Check) && (f.Outcome == "" || f.Outcome == r.Outcome) && (f.Step == "" || f.Step == r.Step) &&
		(f.Reason == "" || f.Reason == r.Reason) && (f.Account == "" || f.Account == r.Account) &&
		(f.Since.IsZero() || !end.Before(f.Since)) && (f.Until.IsZero() || end.Before(f.Until))
}

// Every field of a step is stored: whoever adds one adds a column, with a migration.
func TestStepsAreWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inMemory(t, Options{})
		c := testCheck("login", "")
		want := prober.StepResult{
			Name: "code", Start: 1 * time.Millisecond, Took: 2 * time.Millisecond,
			Phases:  prober.Phases{Resolve: 3000, Connect: 4000, TLS: 5000, Processing: 6000, Transfer: 7000},
			Skipped: true, Reason: prober.ReasonNotRefused, Detail: "d", Request: "POST /x", Status: 200, Remote: "192.0.2.1:443",
			Sent:     prober.Sent{Method: "POST", Scheme: "https", Host: "x", SpanID: "0123456789abcdef"},
			Attempts: 8, Polls: 9, Delivery: 10 * time.Second, Repeat: prober.RepeatRefused, Propagation: 11 * time.Second,
			Exchange: &prober.Exchange{Request: "POST https://x/y", Header: []prober.Field{{Name: "a", Value: "b"}}, Body: "b", Proto: "HTTP/2.0",
				Status: 200, AnswerHeader: []prober.Field{{Name: "c", Value: "d"}}, Answer: "e", AnswerBytes: 12, AnswerCut: true, Curl: "curl"},
		}
		for _, v := range []reflect.Value{reflect.ValueOf(want), reflect.ValueOf(want.Phases), reflect.ValueOf(want.Sent), reflect.ValueOf(*want.Exchange)} {
			for i := range v.NumField() {
				if v.Field(i).IsZero() {
					t.Errorf("the test does not set %s.%s", v.Type().Name(), v.Type().Field(i).Name)
				}
			}
		}
		r := failed(c, 1, time.Now())
		r.Steps = []prober.StepResult{want}
		s.ObserveRun(r)
		settle(s)
		page, err := s.Runs(t.Context(), Filter{})
		if err != nil || len(page.Runs) != 1 {
			t.Fatal(page, err)
		}
		got, err := s.Run(t.Context(), page.Runs[0].ID)
		if err != nil || len(got.Steps) != 1 || !reflect.DeepEqual(got.Steps[0], want) {
			t.Errorf("got  %+v\nwant %+v: %v", got.Steps, want, err)
		}
	})
}
