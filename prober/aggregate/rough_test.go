package aggregate

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// add puts samples of both counters at times of their own.
func (f *fake) add(instance string, at time.Time, runs, failures float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for counter, value := range map[string]float64{"runs": runs, "failures": failures} {
		f.samples[counter][instance] = append(f.samples[counter][instance], Sample{at, value})
	}
}

// standing is what two aggregators that have read the same agree about.
type standing struct {
	Status prober.CheckStatus
	Load   Load
	A      float64
}

func stand(a *Aggregator, now time.Time) standing {
	s := a.Standings(now)[0]
	s.Status.Check = nil
	return standing{s.Status, s.Load, s.RunsToFalsePage}
}

// readRoughDay has the steady one read every minute, the other at moments of chance, the late one at the
// end, and all of them an hour after it.
func readRoughDay(t *testing.T, random *rand.Rand, start, end time.Time, steady, other, late *Aggregator) {
	t.Helper()
	poll := func(a *Aggregator, at time.Time) {
		if err := a.Poll(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
	for now := start; now.Before(end); now = now.Add(time.Minute) {
		poll(steady, now)
		if random.IntN(10) == 0 {
			poll(other, now.Add(time.Duration(random.IntN(15000))*time.Millisecond))
		}
	}
	for _, a := range []*Aggregator{steady, other, late} {
		poll(a, end.Add(time.Hour))
	}
}

// TestReplayOfARoughDay makes up days with locations that come and go, restarts, outages of
// scrapes and of the API, quiet nights and failures. One aggregator reads all of it as it comes, one
// at other moments and with outages of the API, one at the end. All three are of one mind.
func TestReplayOfARoughDay(t *testing.T) {
	for seed := range uint64(2) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 3))
			f := newFake()
			start := time.Now()
			roughHours(f, random, start, "")
			of := func() *Aggregator { a := aggregatorOf(f, nil); a.o.Replay = 13 * time.Hour; return a }
			steady, other, paged := of(), of(), 0
			steady.o.Changed = append(steady.o.Changed, func(c prober.StateChange) { paged += map[bool]int{true: 1}[c.To == detect.Firing] })
			end, late := start.Add(12*time.Hour), of()
			readRoughDay(t, random, start, end, steady, other, late)
			want := stand(steady, end.Add(time.Hour))
			if paged == 0 || want.Load.Instances < 2 {
				t.Fatalf("seed %d: %d pages, %+v: it was not rough enough", seed, paged, want)
			}
			for name, a := range map[string]*Aggregator{"read at other moments": other, "read at the end": late} {
				if got := stand(a, end.Add(time.Hour)); !reflect.DeepEqual(got, want) {
					t.Errorf("seed %d, %s:\n got %+v\nwant %+v", seed, name, got, want)
				}
			}
		})
	}
}

// roughHours are twelve hours of up to four locations.
func roughHours(f *fake, random *rand.Rand, start time.Time, prefix string) {
	for i := range 4 {
		runs, failed := float64(random.IntN(1e6)), float64(random.IntN(9))
		came := time.Duration(random.IntN(6*i+1)) * time.Hour
		away := time.Duration(0)
		for at := came; at < 12*time.Hour; at += 15 * time.Second {
			if at < 8*time.Hour || at > 10*time.Hour { // a quiet night
				runs += 1 + float64(random.IntN(2))
				if random.Float64() < map[bool]float64{true: 0.03}[at > 5*time.Hour && at < 8*time.Hour] {
					failed++
				}
			}
			switch random.IntN(900) {
			case 0:
				runs, failed = 0, 0
			case 1:
				away = at + time.Duration(random.IntN(40))*time.Minute
			}
			if at >= away {
				f.add(prefix+fmt.Sprint("site-", i), start.Add(at+time.Duration(i)*time.Second), runs, failed)
			}
		}
	}
}

// TestWholeLocationIsLate: by as much as --settle allows, its runs are in their own
// intervals, and so the same is found whenever it is read.
func TestWholeLocationIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := aggregatorOf(f, nil)
		a.o.Settle = 20 * time.Minute
		start := time.Now()
		for i := range 240 { // an hour; the samples of b are written ten minutes late
			time.Sleep(15 * time.Second)
			f.add("a", time.Now(), float64(i), 0)
			if i >= 40 {
				f.add("b", time.Now().Add(-10*time.Minute), float64(i-40), float64((i-40)/20))
			}
			if err := a.Poll(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		now := time.Now().Add(30 * time.Minute)
		again := aggregatorOf(f, nil)
		again.o.Settle = a.o.Settle
		for _, a := range []*Aggregator{a, again} {
			if err := a.Poll(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
		got, want := stand(a, now), stand(again, now)
		if !reflect.DeepEqual(got, want) || want.Status.Counts.Passed+want.Status.Counts.Failed != 239+199 || want.Load.Instances != 2 {
			t.Errorf("since %v:\n got %+v\nwant %+v", start, got, want)
		}
	})
}

// TestPartialAnswers are asked for again for a while, and then are a gap and no zero.
func TestPartialAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		lacking := false
		core, logged := observer.New(zapcore.InfoLevel)
		a := aggregatorOf(f, zap.New(core))
		a.o.Patience = DefaultPatience
		a.o.API = apiOf(func(w http.ResponseWriter, r *http.Request) {
			if !lacking {
				f.ServeHTTP(w, r)
				return
			}
			io.WriteString(w, `{"status":"success","warnings":["No StoreAPIs matched"],"data":{"resultType":"matrix","result":[]}}`)
		})
		scrape := func(minutes int, runs, failed float64) {
			t.Helper()
			for range 4 * minutes {
				time.Sleep(15 * time.Second)
				f.scrape("a", runs, failed)
				runs += 2
				_ = a.Poll(t.Context(), time.Now())
			}
		}
		scrape(10, 0, 0)
		lacking = true
		scrape(4, 80, 0)
		if got := a.tally; got.failed[FailurePartial] != 16 || got.partial {
			t.Errorf("after 4 minutes: %+v, want 16 failures", got)
		}
		scrape(4, 112, 1)
		if got := a.tally; got.failed[FailurePartial] != 20 || !got.partial || !a.Partial() || got.last != time.Now().Round(0) {
			t.Errorf("after 8 minutes: %+v, want what there is to be taken", got)
		}
		before := a.Standings(time.Now())[0].Status.Counts
		lacking = false
		scrape(2, 144, 1)
		time.Sleep(time.Minute)
		if err := a.Poll(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		after := a.Standings(time.Now())[0].Status.Counts
		if a.Partial() || before.Passed > 82 || after.Passed != 157 || after.Failed != 1 {
			t.Errorf("%+v and then %+v, partial %v, want nothing lost", before, after, a.Partial())
		}
		want := "replayed, what is read, what is read"
		if got := messages(logged); got != want {
			t.Errorf("logged %s, want %s", got, want)
		}
	})
}

func messages(logged *observer.ObservedLogs) string {
	var all []string
	for _, l := range logged.All() {
		all = append(all, l.Message)
	}
	return strings.Join(all, ", ")
}

// TestTooMuchForTheAPI: what refuses a query as too much is asked for less, to the last minute.
func TestTooMuchForTheAPI(t *testing.T) {
	for _, test := range []struct {
		status int
		most   time.Duration // of a query that is answered
		well   bool
	}{{422, 20 * time.Minute, true}, {413, 3 * time.Minute, true}, {422, time.Minute, false}, {503, 20 * time.Minute, false}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			a := aggregatorOf(f, nil)
			a.o.API = apiOf(func(w http.ResponseWriter, r *http.Request) {
				_, rest, _ := strings.Cut(r.FormValue("query"), "[")
				if back, _ := time.ParseDuration(strings.TrimSuffix(rest, "]")); back > test.most {
					w.WriteHeader(test.status)
					io.WriteString(w, `{"status":"error","errorType":"execution","error":"the query exceeded the maximum number of chunks"}`)
					return
				}
				f.ServeHTTP(w, r)
			})
			instances(f, 240, func(int) float64 { return 0 })
			time.Sleep(time.Minute)
			err := a.Poll(t.Context(), time.Now())
			got := a.Standings(time.Now())[0].Status.Counts.Passed
			if test.well != (err == nil) || test.well && got != 3*360 {
				t.Errorf("%d beyond %v: %d runs, %v", test.status, test.most, got, err)
			}
		})
	}
}

// TestClockIsSetBack: what was read of a time that never was is forgotten.
func TestClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		core, logged := observer.New(zapcore.InfoLevel)
		a := aggregatorOf(f, zap.New(core))
		instances(f, 40, func(int) float64 { return 0 })
		poll := func(now time.Time) uint64 {
			if err := a.Poll(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			return a.Standings(time.Now())[0].Status.Counts.Passed
		}
		poll(time.Now().Add(24 * time.Hour)) // the clock is a day ahead
		if got := poll(time.Now().Add(time.Minute)); got != 180 {
			t.Errorf("%d runs, want those of the ten minutes, 180", got)
		}
		if got := poll(time.Now().Add(30 * time.Second)); got != 180 || messages(logged) != "replayed, the clock was set back: beginning anew, replayed" {
			t.Errorf("%d runs, logged %s: a step of half a minute is none", got, messages(logged))
		}
	})
}

// TestClocksThatDiffer are told of once, and once more when they agree again.
func TestClocksThatDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		ahead := -time.Minute
		core, logged := observer.New(zapcore.InfoLevel)
		a := aggregatorOf(f, zap.New(core))
		a.o.API = apiOf(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			f.ServeHTTP(w, r)
		})
		for i := range 6 {
			if i == 3 {
				ahead = 2 * time.Second
			}
			time.Sleep(15 * time.Second)
			if err := a.Poll(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		lines := logged.FilterMessageSnippet("clock is not ours").All()
		if len(lines) != 2 || lines[0].ContextMap()["still"] != true || lines[1].ContextMap()["still"] != false {
			t.Errorf("logged %v", lines)
		}
	})
}

// TestAlive: what stands still for longer than any query or wait may take has come to a stop.
func TestAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := aggregatorOf(newFake(), nil)
		time.Sleep(mostWait + queryTimeout + time.Second)
		if err := a.Alive(time.Now(), 2*time.Second); err != nil {
			t.Errorf("in its time: %v", err)
		}
		if err := a.Alive(time.Now(), 0); err == nil || err.Error() != "nothing was asked for 1m1s" {
			t.Errorf("too late: %v", err)
		}
		if err := a.Poll(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := a.Alive(time.Now(), 0); err != nil {
			t.Errorf("after a query: %v", err)
		}
	})
}

// TestTwoOfOneName: values that make one name are not two checks of it, which no
// scrape could tell apart.
func TestTwoOfOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zapcore.InfoLevel)
		a := aggregatorOf(newFake(), zap.New(core))
		subject := func(values []string) (Subject, bool) {
			c := &prober.Check{Name: "all:one", Objective: objective}
			return Subject{Check: c, Params: Measured(objective, 15*time.Second)}, true
		}
		a.o.Subject = subject
		if a.poolOf([]string{"a"}, time.Now()) == nil || a.poolOf([]string{"b"}, time.Now()) != nil || a.poolOf([]string{"b"}, time.Now()) != nil {
			t.Error("want the first of the name, and no other")
		}
		if got := logged.FilterMessageSnippet("two checks").Len(); got != 1 {
			t.Errorf("told %d times", got)
		}
	})
}

// TestCheckMoves: its counter ends at one instance, and begins at zero at another.
func TestCheckMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := aggregatorOf(f, nil)
		for i := range 41 {
			f.scrape("a", 1e6+float64(2*i), float64(i/10))
			time.Sleep(15 * time.Second)
		}
		for i := range 41 {
			f.scrape("b", float64(2*i), float64(i/10))
			time.Sleep(15 * time.Second)
		}
		time.Sleep(time.Minute)
		if err := a.Poll(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		s := a.Standings(time.Now())[0]
		if s.Status.Counts.Passed != 2*80-8 || s.Status.Counts.Failed != 8 || s.Resets != 0 {
			t.Errorf("%+v, want 160 runs of which 8 failed, and no reset", s)
		}
	})
}

// TestLoadOfItsTime: what fired with one instance has fired, though two more came within the hour,
// and with as many from the beginning it would not have.
func TestLoadOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		live := aggregatorOf(f, nil)
		fired := false
		live.o.Changed = append(live.o.Changed, func(c prober.StateChange) { fired = fired || c.To == detect.Firing })
		time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour)))
		runs, failed := 0., 0.
		scrape := func(instances ...string) {
			t.Helper()
			for _, name := range instances {
				f.scrape(name, runs, map[bool]float64{true: failed}[name == "a"])
			}
			time.Sleep(15 * time.Second)
			if err := live.Poll(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		for i := 0; !fired; i++ {
			if runs += 2; i%12 == 11 {
				failed++
			}
			if i > 140 {
				t.Fatalf("it does not fire: %+v", stand(live, time.Now()))
			}
			scrape("a")
		}
		first := stand(live, time.Now())
		if first.Status.Evidence > 2.9 || first.A != 259_200 {
			t.Fatalf("%+v: with three instances it would have fired as well", first)
		}
		for range 20 {
			runs += 2
			scrape("a", "b", "c")
		}
		time.Sleep(time.Minute)
		again := aggregatorOf(f, nil)
		for _, a := range []*Aggregator{live, again} {
			if err := a.Poll(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		got, want := stand(again, time.Now()), stand(live, time.Now())
		if !reflect.DeepEqual(got, want) || want.Status.State != detect.Firing || want.Load.Instances != 3 {
			t.Errorf("read again:\n got %+v\nwant %+v", got, want)
		}
	})
}
