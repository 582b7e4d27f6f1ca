package alertmanager

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// A page is told at once, and again every minute, always for ten minutes more; its end
// is told after a minute of silence, and again for a quarter of an hour, and then there is
// peace.
func TestAPageFromBeginningToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFake(t, "am:9093"), newBank()
		n, stop := b.run(t, Options{}, f)
		defer stop()
		time.Sleep(time.Hour)
		if got := f.all(); len(got) != 0 {
			t.Fatalf("a healthy check has %d posts", len(got))
		}
		time.Sleep(3*time.Second + 10*time.Millisecond)
		b.change(n, detect.Firing)
		began := time.Now()
		time.Sleep(30*time.Minute + time.Second)
		posts := f.all()
		if len(posts) != 31 {
			t.Errorf("%d posts in 30 minutes, want 31", len(posts))
		}
		for i, p := range posts {
			at := began.Add(time.Duration(i) * time.Minute)
			if len(p.alerts) != 1 || !p.at.Equal(at) || !p.alerts[0].StartsAt.Equal(began) || !p.alerts[0].EndsAt.Equal(at.Add(10*time.Minute)) {
				t.Fatalf("post %d: %+v, want one alert at %v since %v", i, p, at, began)
			}
		}
		b.change(n, detect.Healthy)
		ended := time.Now()
		time.Sleep(2 * time.Hour)
		posts = f.all()
		if len(posts) < 14 || len(posts) > 15 {
			t.Errorf("%d posts of the end, want those of 14 minutes", len(posts))
		}
		for _, p := range posts {
			if early := p.at.Sub(ended) < endHold; early || len(p.alerts) != 1 || !p.alerts[0].EndsAt.Equal(ended) || !p.alerts[0].StartsAt.Equal(began) {
				t.Fatalf("got %+v, want one alert from %v to %v", p, began, ended)
			}
		}
		b.change(n, detect.Firing)
		again := time.Now()
		if p := f.all(); len(p) != 1 || !p[0].alerts[0].StartsAt.Equal(again) {
			t.Errorf("the second page: %+v, want its own beginning", p)
		}
	})
}

// A suspicion has to last two minutes, as in the rules, and gives way to the page.
func TestASuspicionHasToLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFake(t, "am:9093"), newBank()
		n, stop := b.run(t, Options{}, f)
		defer stop()
		b.change(n, detect.Suspect)
		time.Sleep(time.Minute)
		b.change(n, detect.Healthy)
		time.Sleep(time.Minute)
		b.change(n, detect.Suspect)
		time.Sleep(119 * time.Second)
		if got := f.all(); len(got) != 0 {
			t.Fatalf("told too early: %+v", got)
		}
		time.Sleep(7 * time.Second)
		if got := f.all(); len(got) != 1 || got[0].alerts[0].Labels["alertname"] != nameSuspect || got[0].alerts[0].Labels["severity"] != "warning" {
			t.Fatalf("got %+v, want a suspicion", got)
		}
		b.change(n, detect.Firing)
		if got := f.all(); len(got) != 1 || len(got[0].alerts) != 1 || got[0].alerts[0].Labels["alertname"] != nameFiring {
			t.Fatalf("got %+v, want the page", got)
		}
		time.Sleep(2 * time.Minute)
		got := f.all()
		last := got[len(got)-1].alerts
		if len(last) != 2 || !last[0].EndsAt.After(time.Now()) || last[1].EndsAt.After(time.Now()) {
			t.Errorf("got %+v, want the page and the end of the suspicion", last)
		}
	})
}

// What recovers and fails again within a minute is one page, with one beginning.
func TestOneThatIsHardlyOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFake(t, "am:9093"), newBank()
		n, stop := b.run(t, Options{}, f)
		defer stop()
		b.change(n, detect.Firing)
		began := time.Now()
		f.all()
		for range 10 {
			time.Sleep(20 * time.Second)
			b.change(n, detect.Healthy)
			time.Sleep(50 * time.Second)
			b.change(n, detect.Firing)
		}
		for _, p := range f.all() {
			if !p.alerts[0].StartsAt.Equal(began) || !p.alerts[0].EndsAt.Equal(p.at.Add(validity)) {
				t.Fatalf("got %+v, want a page since %v", p, began)
			}
		}
		time.Sleep(30 * time.Second)
		f.all()
		b.set(detect.Healthy)
		time.Sleep(10 * time.Second) // seen, and held
		stop()                       // the end waits for nothing
		if got := f.all(); len(got) != 1 || got[0].alerts[0].EndsAt.After(time.Now()) {
			t.Errorf("at the end: %+v, want the end of the page", got)
		}
	})
}

// One event is told at once, for the hour after the last of them, whatever becomes of
// the prober; and for as long as it stands.
func TestFailOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFake(t, "am:9093"), newBank()
		n, stop := b.run(t, Options{}, f)
		defer stop()
		stands := func(opens ...prober.FailOpen) { b.with(func() { b.is.FailOpens = opens }) }
		began := time.Now()
		stands(prober.FailOpen{Step: "no token", Since: began, Last: began})
		b.change(n, detect.Firing)
		got := f.all()
		if len(got) != 1 || len(got[0].alerts) != 1 || got[0].alerts[0].Labels["alertname"] != nameFailOpen ||
			got[0].alerts[0].Labels["step"] != "no token" || !got[0].alerts[0].EndsAt.Equal(began.Add(time.Hour)) {
			t.Fatalf("got %+v, want the fail-open alone, for an hour", got)
		}
		time.Sleep(30*time.Minute + 30*time.Second)
		again := time.Now()
		stands(prober.FailOpen{Step: "no token", Since: began, Last: time.Now()})
		time.Sleep(85 * time.Minute) // it was not yet shown to be shut
		for _, p := range f.all() {
			least := p.at.Add(validity)
			last := began
			if p.at.After(again) {
				last = again
			}
			if least.Before(last.Add(time.Hour)) {
				least = last.Add(time.Hour)
			}
			if a := p.alerts[0]; !a.StartsAt.Equal(began) || !a.EndsAt.Equal(least) {
				t.Fatalf("told at %v: %+v, want one until %v", p.at.Sub(began), a, least)
			}
		}
		stands()
		b.change(n, detect.Healthy)
		ended := time.Now()
		time.Sleep(2 * time.Minute)
		if got = f.all(); len(got) == 0 || !got[0].alerts[0].EndsAt.Equal(ended) {
			t.Errorf("it has ended, and is not told to: %+v", got)
		}
	})
}

// A check that is taken away by a reload is over, as it is by the rules, but for what it
// has let in: that is told for an hour, so that the two ways do not contradict each other.
func TestACheckThatIsTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFake(t, "am:9093"), newBank()
		_, stop := b.run(t, Options{}, f)
		defer stop()
		began := time.Now()
		b.with(func() {
			b.is.State, b.is.Since, b.is.Evidence = detect.Firing, began, 2
			b.is.FailOpens = []prober.FailOpen{{Step: "no token", Since: began, Last: began}}
		})
		time.Sleep(10 * time.Minute)
		if got := f.all(); len(got) == 0 || len(got[0].alerts) != 2 {
			t.Fatalf("got %+v, want the page and the fail-open", got)
		}
		b.with(func() { b.gone = true })
		time.Sleep(5 * time.Minute)
		told := f.all()
		last := told[len(told)-1].alerts
		if len(last) != 1 || last[0].Labels["alertname"] != nameFiring || last[0].EndsAt.After(time.Now()) {
			t.Errorf("5 minutes later: %+v, want the end of the page alone", last)
		}
		time.Sleep(time.Until(began.Add(failOpenStays)) - time.Second)
		for _, p := range f.all() {
			if len(p.alerts) != 1 || p.alerts[0].Labels["alertname"] != nameFiring {
				t.Errorf("within the hour: %+v, want nothing of the fail-open", p)
			}
		}
		time.Sleep(time.Minute)
		if got := f.all(); len(got) != 1 || got[0].alerts[0].Labels["alertname"] != nameFailOpen || got[0].alerts[0].EndsAt.After(time.Now()) {
			t.Errorf("after the hour: %+v, want the end of the fail-open", got)
		}
	})
}

// Whatever an Alertmanager does, it is tried again, ever more slowly; the other one has
// its alerts meanwhile; and in the end both know the same.
func TestMisbehavingAlertmanagers(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	status := func(code int) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	tests := map[string]struct {
		how  func(http.ResponseWriter, *http.Request)
		want prober.NotifyFailure
	}{
		"500": {status(500), prober.NotifyStatus5xx},
		"503": {status(503), prober.NotifyStatus5xx},
		"400": {status(400), prober.NotifyStatus4xx},
		"401": {status(401), prober.NotifyStatus4xx},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://am2:9093/api/v2/alerts", http.StatusFound)
		}, prober.NotifyRedirect},
		"login page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<title>Sign in</title>")
		}, prober.NotifyBadResponse},
		"hangs": {hang, prober.NotifyTimeout},
		"slow": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil { // a byte a second, for ever
				fmt.Fprint(w, " ")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Second)
			}
		}, prober.NotifyTimeout},
		"cut": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, prober.NotifyUnreachable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bad, good, b := newFake(t, "am1:9093"), newFake(t, "am2:9093"), newBank()
				n, stop := b.run(t, Options{}, bad, good)
				defer stop()
				bad.behave(tt.how)
				b.change(n, detect.Firing)
				if got := good.all(); len(got) != 1 {
					t.Errorf("%d posts to the good one, want 1 at once", len(got))
				}
				time.Sleep(10 * time.Minute)
				heldBack(t, bad.all())
				b.change(n, detect.Healthy) // and it is told the state, not what it has missed
				time.Sleep(2 * time.Minute)
				bad.all()
				bad.behave(nil)
				time.Sleep(time.Minute)
				posts := bad.all()
				if len(posts) == 0 || posts[0].alerts[0].EndsAt.After(time.Now()) {
					t.Errorf("after it was mended: %+v", posts)
				}
				for failure, n := range b.told {
					if failure != "" && (failure != tt.want || n < 15) {
						t.Errorf("%d attempts failed as %q, want %q", n, failure, tt.want)
					}
				}
			})
		})
	}
}

// heldBack checks that attempts come ever more slowly, and go on.
func heldBack(t *testing.T, posts []post) {
	t.Helper()
	if n := len(posts); n < 15 || n > 50 {
		t.Errorf("%d attempts in 10 minutes, want 15 to 50", n)
	}
	for i := 1; i < len(posts); i++ {
		least, most := firstWait/2, lastWait+postTimeout
		if i >= 6 {
			least = lastWait / 2
		}
		if gap := posts[i].at.Sub(posts[i-1].at); gap < least || gap > most {
			t.Errorf("attempt %d came %v after the one before, want %v to %v", i, gap, least, most)
		}
	}
}

// News do not cut the wait short: an Alertmanager in trouble is not asked more often
// because more happens.
func TestNewsWaitToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFake(t, "am:9093"), newBank()
		f.behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		n, stop := b.run(t, Options{}, f)
		defer stop()
		for range 600 {
			b.change(n, detect.Firing)
			time.Sleep(500 * time.Millisecond)
			b.change(n, detect.Healthy)
			time.Sleep(500 * time.Millisecond)
		}
		heldBack(t, f.all())
	})
}

// What observers are told takes no time while an Alertmanager hangs.
func TestNothingWaitsForAnAlertmanager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFake(t, "am:9093"), newBank()
		f.behave(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		n, stop := b.run(t, Options{Grace: time.Second}, f)
		before := time.Now()
		for range 10_000 {
			n.ObserveRun(&prober.Run{Check: b.check, Start: time.Now(), Outcome: prober.Failed,
				Report: prober.Report{Steps: []prober.StepResult{{Name: "login", Reason: prober.ReasonStatus5xx}}}})
			n.ObserveMissed(prober.Missed{Check: b.check, N: 1})
			b.change(n, detect.Firing)
		}
		if took := time.Since(before); took != 0 {
			t.Errorf("it took %v", took)
		}
		if n := len(n.failures.recent[b.check.Name]); n != mostFailures {
			t.Errorf("%d failures are kept, want %d", n, mostFailures)
		}
		stop()
		if took := time.Since(before); took > time.Second {
			t.Errorf("the end took %v, want the grace at the most", took)
		}
	})
}

// The end of the prober is no end of a page. What is new is told before it.
func TestAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFake(t, "am:9093"), newBank()
		_, stop := b.run(t, Options{}, f)
		synctest.Wait()
		b.set(detect.Firing) // and nobody has said so yet
		since := time.Now()
		stop()
		got := f.all()
		if len(got) != 1 || !got[0].alerts[0].EndsAt.Equal(since.Add(validity)) {
			t.Fatalf("at the end: %+v, want the page", got)
		}
		time.Sleep(2 * time.Minute) // the next process, with the state of the last one
		_, stop = b.run(t, Options{}, f)
		got = f.all()
		if len(got) != 1 || !got[0].alerts[0].StartsAt.Equal(since) || !got[0].alerts[0].EndsAt.Equal(time.Now().Add(validity)) {
			t.Errorf("after a restart: %+v, want the page, from the same beginning", got)
		}
		stop()
		if got := f.all(); len(got) != 0 {
			t.Errorf("without news the end has %+v", got)
		}
	})
}

// An Alertmanager that is away at the end is tried for the grace, and not longer.
func TestTheEndIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFake(t, "am:9093"), newBank()
		f.behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
		_, stop := b.run(t, Options{Grace: 20 * time.Second}, f)
		synctest.Wait()
		b.set(detect.Firing)
		before := time.Now()
		stop()
		if took, n := time.Since(before), len(f.all()); took != 20*time.Second || n < 3 {
			t.Errorf("it took %v and %d attempts, want 20s and a few", took, n)
		}
	})
}

// More than fit into one request go into several.
func TestManyAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, b := newFake(t, "am:9093"), newBank()
		o := Options{URLs: nil}
		var all []prober.CheckStatus
		for i := range 150 {
			c := *b.check
			c.Name = fmt.Sprintf("check-%d", i)
			all = append(all, prober.CheckStatus{Check: &c, State: detect.Firing, Since: time.Now()})
		}
		o.URLs, o.Client, o.Status = append(o.URLs, f.url), clientFor(f), func() []prober.CheckStatus { return all }
		n, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		n.decide(endHold)
		n.senders[0].attempt(t.Context())
		names := map[string]bool{}
		posts := f.all()
		for _, p := range posts {
			for _, a := range p.alerts {
				names[a.Labels["check"]] = true
			}
		}
		if len(posts) != 3 || len(names) != 150 {
			t.Errorf("%d checks in %d posts, want 150 in 3", len(names), len(posts))
		}
	})
}
