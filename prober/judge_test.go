package prober

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober/detect"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// A fifth of the runs fails from the second hour to the third: the check fires
// in that hour and is healthy again after it, and both are told once.
func TestStateFollowsTheRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		n := 0
		c := testCheck("login", func(ctx context.Context) Report {
			n++
			if h := time.Since(start); h >= time.Hour && h < 2*time.Hour && n%5 == 0 {
				return failure1(ReasonStatus5xx)
			}
			return passing(time.Second)(ctx)
		})
		var changes []StateChange
		judge, err := NewJudge([]*Check{c}, func(s StateChange) { changes = append(changes, s) })
		if err != nil {
			t.Fatal(err)
		}
		if err := runFor(t, 6*time.Hour, Options{Checks: []*Check{c}, Observers: []Observer{judge}}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range changes {
			got = append(got, fmt.Sprintf("%v to %v in hour %d", s.From, s.To, s.At.Sub(start)/time.Hour))
			if s.To == detect.Firing && !(s.Status.Evidence >= 1 && s.Status.State == detect.Firing && s.Status.LastFailed != nil) {
				t.Errorf("firing with %+v", s.Status)
			}
		}
		want := []string{"healthy to suspect in hour 1", "suspect to firing in hour 1", "firing to healthy in hour 2"}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Only passed and failed runs are evidence, or part of a ratio.
func TestOnlyCountedRunsAreJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testCheck("login", nil)
		judge, err := NewJudge([]*Check{c})
		if err != nil {
			t.Fatal(err)
		}
		before := judge.Status(c, time.Now())
		for range 10000 {
			time.Sleep(time.Second)
			judge.ObserveRun(&Run{Check: c, Start: time.Now(), Outcome: Errored})
			judge.ObserveRun(&Run{Check: c, Start: time.Now(), Outcome: Aborted})
			judge.ObserveMissed(Missed{Check: c, N: 3})
		}
		after := judge.Status(c, time.Now())
		if want := (Counts{Errored: 10000, Aborted: 10000, Missed: 30000}); after.Counts != want || after.LastRun == nil {
			t.Errorf("got %+v, want %+v", after.Counts, want)
		}
		after.Counts, after.LastRun = before.Counts, before.LastRun
		if !reflect.DeepEqual(before, after) {
			t.Errorf("got %+v, want %+v", after, before)
		}
	})
}

func TestThresholds(t *testing.T) {
	h := Threshold{Ratio: 0.1, Window: time.Hour, MinRuns: 10}
	for _, c := range []struct {
		failed, runs int
		want         bool
	}{
		{0, 0, false}, {0, 100, false}, {9, 9, false}, {10, 10, true}, {1, 10, false}, {2, 10, true}, {10, 100, false}, {11, 100, true},
	} {
		if got := h.status(c.failed, c.runs).Exceeded; got != c.want {
			t.Errorf("%d of %d: got %t, want %t", c.failed, c.runs, got, c.want)
		}
	}
}

func TestRatioForPeople(t *testing.T) {
	for _, c := range []struct {
		failed, runs int
		want         string
	}{
		{0, 0, "no runs in 1h"},
		{0, 1, "0.0% (0.0%-79%) of 1 run in 1h"},
		{31, 1000, "3.1% (2.2%-4.4%) of 1000 runs in 1h"},
		{1, 100000, "0.001% (0.00018%-0.0057%) of 100000 runs in 1h"},
		{5, 5, "100% (57%-100%) of 5 runs in 1h"},
	} {
		if got := newRatio(time.Hour, c.failed, c.runs).String(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestWindowName(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "5m", 15 * time.Minute: "15m", time.Hour: "1h", 24 * time.Hour: "24h",
		90 * time.Minute: "1h30m", 10 * time.Second: "10s", 100 * time.Minute: "1h40m",
	} {
		if got := WindowName(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

// A run of a check that the judge or the metrics do not have changes nothing.
func TestUnknownChecksAreIgnored(t *testing.T) {
	judge, metrics := judgeAndMetrics(t, goldenChecks())
	stranger := testCheck("stranger", nil)
	for _, o := range []Observer{judge, metrics} {
		o.ObserveRun(&Run{Check: stranger, Outcome: Passed})
		o.ObserveMissed(Missed{Check: stranger, N: 1})
	}
	if s := judge.Status(stranger, time.Now()); s.Check != stranger || s.Counts.Due() != 0 {
		t.Errorf("got %+v", s)
	}
	if len(sums(t, metrics, "stranger")) != 0 {
		t.Error("there are metrics of a check that is not there")
	}
}

func TestLogLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		config := zap.NewProductionEncoderConfig()
		config.TimeKey = ""
		log := LogObserver{zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(config), zapcore.AddSync(&out), zap.InfoLevel))}
		c := goldenChecks()[0]
		for _, r := range goldenRuns(c, time.Now()) {
			log.ObserveRun(r)
		}
		r := goldenRuns(c, time.Now())[1]
		r.Cleanup = []StepResult{{Name: "logout", Reason: ReasonStatus5xx, Detail: "status 503, want 204"}}
		log.ObserveRun(r)
		r.Confirm = true
		log.ObserveRun(r)
		log.ObserveMissed(Missed{Check: c, Reason: MissOverlap, N: 3, At: time.Now()})
		log.ObserveMissed(Missed{Check: c, Reason: MissNoAccount, N: 1, At: time.Now(), Confirm: true})
		log.ObserveStateChange(StateChange{Check: c, From: detect.Suspect, To: detect.Firing, Cause: CauseRate, Status: CheckStatus{
			State: detect.Firing, Evidence: 1.5, ChangePoint: time.Now(), LastFailed: r,
			Blame:  detect.Finding{Runs: 9, Failed: 3, Tested: 2},
			Bursts: detect.Bursts{Longest: time.Minute, Outgrown: 1},
			Ratios: []Ratio{newRatio(time.Hour, 31, 1000), newRatio(24*time.Hour, 31, 9000)},
		}})
		golden(t, "testdata/log.jsonl", out.String())
		for line := range strings.Lines(out.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %s", line)
			}
		}
	})
}

// A level that is not wanted costs nothing.
func TestLogIsLazy(t *testing.T) {
	core, _ := observer.New(zap.ErrorLevel)
	log := LogObserver{zap.New(core)}
	r := goldenRuns(testCheck("login", nil), time.Now())[0]
	if n := testing.AllocsPerRun(100, func() { log.ObserveRun(r) }); n != 0 {
		t.Errorf("%v allocations for a line that is not written", n)
	}
}
