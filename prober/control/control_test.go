package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authprober/authprober/prober"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake is a target that can be taken away.
type fake struct {
	down  atomic.Bool
	looks atomic.Int64
	takes time.Duration
}

func (f *fake) look(ctx context.Context) error {
	f.looks.Add(1)
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	if f.down.Load() {
		return errors.New("connection refused")
	}
	return nil
}

// of is a Control of these targets, the first of which is loopback, in a bubble.
func of(log *zap.Logger, fakes ...*fake) *Control {
	c := &Control{o: Options{Every: defaultEvery, Timeout: defaultTimeout, Log: log}, excused: map[prober.ExcuseCause]uint64{}}
	for i, name := range []string{"loopback", "one.example", "two.example"}[:len(fakes)] {
		c.targets = append(c.targets, target{name, fakes[i].look})
		c.status = append(c.status, prober.ControlTarget{Name: name, Up: true})
	}
	return c
}

// failed is a run that took so long and has failed just now.
func failed(took time.Duration, reason prober.Reason) *prober.Run {
	return &prober.Run{Start: time.Now().Add(-took), Took: took, Outcome: prober.Failed,
		Report: prober.Report{Steps: []prober.StepResult{{Name: "login", Reason: reason}}}}
}

func TestExcuse(t *testing.T) {
	const sick = `our own network is sick: one.example: connection refused; two.example: connection refused; the run had failed in step "login": `
	for _, c := range []struct {
		name   string
		down   []int // which of loopback, one and two
		reason prober.Reason
		want   string // "" is no excuse
	}{
		{"all is well", nil, prober.ReasonTimeout, ""},
		{"one is down", []int{1}, prober.ReasonTimeout, ""},
		{"both are down", []int{1, 2}, prober.ReasonTimeout, sick + "timeout"},
		{"no name resolves", []int{1, 2}, prober.ReasonDNS, sick + "dns"},
		{"the target has answered", []int{1, 2}, prober.ReasonStatus5xx, ""},
		{"the target lets in", []int{0, 1, 2}, prober.ReasonNotRefused, ""},
		{"it was slow", []int{1, 2}, prober.ReasonTooSlow, ""},
		{"loopback is down", []int{0}, prober.ReasonConnect, `our own machine is sick: loopback: connection refused; the run had failed in step "login": connect`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fakes := []*fake{{}, {}, {}}
				for _, i := range c.down {
					fakes[i].down.Store(true)
				}
				control := of(zap.NewNop(), fakes...)
				got := ""
				if err := control.Excuse(t.Context(), failed(time.Second, c.reason)); err != nil {
					got = err.Error()
				}
				if got != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
				if n := control.Status().Excused[prober.ExcuseNetwork]; (n == 1) != (c.want != "") {
					t.Errorf("%d excused", n)
				}
			})
		})
	}
}

// Without URLs of the owner's the network cannot be told from the target.
func TestLoopbackAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if err := of(zap.NewNop(), &fake{}).Excuse(t.Context(), failed(time.Second, prober.ReasonConnect)); err != nil {
			t.Errorf("got %v, want no excuse", err)
		}
	})
}

// An outage that is over when the run fails is known from the rounds meanwhile.
func TestOutageThatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := &fake{}
		core, lines := observer.New(zap.InfoLevel)
		control := of(zap.New(core), &fake{}, one)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { control.Run(ctx) })
		time.Sleep(15 * time.Second)
		one.down.Store(true)
		time.Sleep(10 * time.Second)
		one.down.Store(false)
		time.Sleep(2 * time.Second) // 27 s, and the round at 20 s found it sick
		synctest.Wait()
		if err := control.Excuse(ctx, failed(8*time.Second, prober.ReasonReset)); err == nil {
			t.Error("a run that was under way in the outage has no excuse")
		}
		time.Sleep(time.Minute)
		if err := control.Excuse(ctx, failed(8*time.Second, prober.ReasonReset)); err != nil {
			t.Errorf("a minute later: %v, want no excuse", err)
		}
		cancel()
		running.Wait()
		if n := lines.Len(); n != 2 {
			t.Errorf("%d lines of the log, want one at both ends", n)
		}
		if s := control.Status(); s.Targets[1].Failures != 1 || !s.Targets[1].Up || s.Targets[0].Failures != 0 || s.Starved != 0 {
			t.Errorf("the status is %+v", s)
		}
	})
}

// A hundred runs that fail at once cost one round.
func TestLooksAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := &fake{takes: time.Second}
		one.down.Store(true)
		control := of(zap.NewNop(), &fake{}, one)
		time.Sleep(time.Minute)
		var running sync.WaitGroup
		for range 100 {
			running.Go(func() {
				if control.Excuse(t.Context(), failed(time.Second, prober.ReasonConnect)) == nil {
					t.Error("no excuse")
				}
			})
		}
		running.Wait()
		if n := one.looks.Load(); n > 2 {
			t.Errorf("%d looks, want one or two", n)
		}
	})
}

// A shutdown ends a look, and excuses nothing.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		control := of(zap.NewNop(), &fake{}, &fake{takes: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if err := control.Excuse(ctx, failed(time.Second, prober.ReasonConnect)); err != nil || time.Since(begun) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(begun))
		}
		if s := control.Status(); s.Targets[1].Looks != 0 {
			t.Errorf("a look that was cut short counts: %+v", s)
		}
	})
}

// A look that takes too long is one that has failed.
func TestSlowTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		control := of(zap.NewNop(), &fake{}, &fake{takes: time.Hour})
		begun := time.Now()
		if err := control.Excuse(t.Context(), failed(time.Second, prober.ReasonConnect)); err == nil || time.Since(begun) != defaultTimeout {
			t.Errorf("got %v after %v", err, time.Since(begun))
		}
	})
}

// TestRealLooks looks at servers: any answer will do, none is followed, and errors hold
// no URL.
func TestRealLooks(t *testing.T) {
	var followed atomic.Bool
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/followed" {
			followed.Store(true)
		}
		if r.UserAgent() != "probe/1" {
			t.Errorf("the user agent is %q", r.UserAgent())
		}
		http.Redirect(w, r, "/followed", http.StatusFound)
	}))
	defer up.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	urls := []*url.URL{parse(t, up.URL), parse(t, "http://"+gone.Addr().String()+"/?key=SECRET")}
	c, err := New(Options{URLs: urls, UserAgent: "probe/1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Excuse(t.Context(), failed(time.Second, prober.ReasonConnect)); err != nil {
		t.Errorf("one of two is there, and got %v", err)
	}
	for i, want := range []bool{true, true, false} {
		if got := c.Status().Targets[i]; got.Up != want || got.Looks != 1 {
			t.Errorf("got %+v, want up %v", got, want)
		}
	}
	if followed.Load() {
		t.Error("a redirect was followed")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	err = c.Excuse(t.Context(), failed(0, prober.ReasonConnect))
	if err == nil || !strings.HasPrefix(err.Error(), "our own machine is sick: loopback: ") {
		t.Errorf("loopback is closed, and got %v", err)
	}
	alone, err := New(Options{URLs: urls[1:]})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	if err := alone.Excuse(t.Context(), failed(time.Second, prober.ReasonConnect)); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("got %v", err)
	}
	if _, err := New(Options{URLs: append(urls, urls[0])}); err == nil {
		t.Error("a host that is there twice is taken")
	}
}

// Somebody who connects to our loopback server and says nothing makes us look neither
// sick nor unwilling to end.
func TestSilentGuest(t *testing.T) {
	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		guest, err := net.Dial("tcp", c.local.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer guest.Close()
	}
	if err := c.Excuse(t.Context(), failed(time.Second, prober.ReasonConnect)); err != nil {
		t.Errorf("got %v, want no excuse", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
