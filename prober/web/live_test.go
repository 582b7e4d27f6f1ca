package web

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
	"go.uber.org/zap"
)

// newBroadcaster returns one whose rows are the names of what has changed.
func newBroadcaster(checks ...*prober.Check) (*broadcaster, *Recent) {
	recent := NewRecent(checks, nil)
	return &broadcaster{touched: recent.touchedSince, generation: recent.generation, log: zap.NewNop(),
		rows: func(names []string, wanted func(string, int) bool) (*liveRows, error) {
			m := &liveRows{}
			for _, name := range names {
				if wanted(name, rankHealthy) {
					m.Rows = append(m.Rows, liveRow{ID: name, name: name, rank: rankHealthy})
				}
			}
			return m, nil
		}}, recent
}

// rowEvent is the event of a row.
func rowEvent(name string) string {
	return `event: checks data: {"title":"","class":"","summary":"","rows":[{"id":"` + name + `","html":""}]}`
}

// A listener is a client of a stream, whose answer ends with its test.
type listener struct {
	*io.PipeReader
	header http.Header
	to     *io.PipeWriter
	ended  chan struct{}
	cancel context.CancelFunc
}

func (l *listener) Header() http.Header               { return l.header }
func (l *listener) WriteHeader(int)                   {}
func (l *listener) Write(b []byte) (int, error)       { return l.to.Write(b) }
func (l *listener) FlushError() error                 { return nil }
func (l *listener) SetWriteDeadline(time.Time) error  { return nil }
func (l *listener) SetReadDeadline(t time.Time) error { return nil }

func listen(b http.Handler, ctx context.Context, path string) *listener {
	ctx, cancel := context.WithCancel(ctx)
	l := &listener{header: http.Header{}, ended: make(chan struct{}), cancel: cancel}
	l.PipeReader, l.to = io.Pipe()
	r, _ := http.NewRequestWithContext(ctx, "GET", path, nil)
	go func() {
		defer close(l.ended)
		b.ServeHTTP(l, r)
		l.to.Close()
	}()
	return l
}

// next reads an event.
func (l *listener) next(t *testing.T) string {
	t.Helper()
	var lines []string
	for s := bufio.NewReader(oneByte{l.PipeReader}); ; {
		line, err := s.ReadString('\n')
		if err != nil {
			return "the end"
		}
		if line == "\n" {
			break
		}
		if !strings.HasPrefix(line, "id: ") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return strings.Join(lines, " ")
}

// oneByte reads no more than is asked for, so that nothing is lost in a buffer.
type oneByte struct{ io.Reader }

func (r oneByte) Read(b []byte) (int, error) { return r.Reader.Read(b[:1]) }

func passed(c *prober.Check) *prober.Run {
	return &prober.Run{Check: c, Start: time.Now(), Due: time.Now(), Outcome: prober.Passed}
}

// A page that was made before a reload is told to come again, and so is one of another
// process: it has checks that are gone, and others it has not.
func TestLiveAfterReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c := &prober.Check{Name: "a"}, &prober.Check{Name: "c"}
		b, recent := newBroadcaster(a)
		p := &pages{opts: Options{Recent: recent}, told: true}
		all, one := listen(b, t.Context(), p.live(time.Now(), "", nil)), listen(b, t.Context(), p.live(time.Now(), "a", nil))
		other := listen(b, t.Context(), "/live?of=17-0")
		for _, l := range []*listener{all, one} {
			if got := l.next(t); strings.Contains(got, "replaced") {
				t.Errorf("got %q before", got)
			}
		}
		if got := other.next(t); got != "event: replaced data: " {
			t.Errorf("of another process: got %q", got)
		}
		recent.ReplaceChecks([]*prober.Check{c})
		for _, l := range []*listener{all, one} {
			if got := l.next(t); got != "event: replaced data: " {
				t.Errorf("got %q", got)
			}
		}
		for _, l := range []*listener{all, one, other} {
			l.cancel()
			l.Close()
			<-l.ended
		}
	})
}

// What changes is told once a second, to each as it wants it; where nothing does, that
// is told too, so that a dead connection shows.
func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c := &prober.Check{Name: "a"}, &prober.Check{Name: "c"}
		b, recent := newBroadcaster(a, c)
		recent.ObserveRun(passed(a))
		time.Sleep(time.Minute)
		all, one := listen(b, t.Context(), "/live?since=0"), listen(b, t.Context(), "/live?check=c")
		for _, want := range []struct {
			from *listener
			text string
		}{{all, rowEvent("a")}, {one, ": nothing new"}} {
			if got := want.from.next(t); got != want.text {
				t.Errorf("got %q, want %q", got, want.text)
			}
		}
		recent.ObserveRun(passed(c))
		recent.ObserveRun(passed(c))
		if got, other := all.next(t), one.next(t); got != rowEvent("c") || other != `event: check data: "c"` {
			t.Errorf("got %q and %q", got, other)
		}
		before := time.Now()
		if got, other := all.next(t), one.next(t); got != ": nothing new" || other != got || time.Since(before) != liveHeartbeat {
			t.Errorf("got %q and %q after %v", got, other, time.Since(before))
		}
		for _, l := range []*listener{all, one} {
			l.cancel()
			<-l.ended
		}
		if b.stop != nil || len(b.clients) != 0 {
			t.Error("the goroutine goes on without a client")
		}
	})
}

// Who does not read is dropped, and nobody else waits for them.
func TestSlowClientsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &prober.Check{Name: "a"}
		b, recent := newBroadcaster(a)
		slow, quick := listen(b, t.Context(), "/live"), listen(b, t.Context(), "/live")
		slow.next(t)
		quick.next(t)
		for range liveBacklog + 3 {
			recent.ObserveRun(passed(a))
			if got := quick.next(t); got != rowEvent("a") {
				t.Fatalf("got %q", got)
			}
		}
		told := 0
		for slow.next(t) != "the end" {
			told++
		}
		if told < 1 || told > liveBacklog+2 {
			t.Errorf("the slow one was told %d times before it was dropped", told)
		}
		<-slow.ended
		quick.cancel()
		<-quick.ended
	})
}

func TestNoMoreClientsThanThereIsRoomFor(t *testing.T) {
	b, _ := newBroadcaster()
	b.clients = map[*liveClient]struct{}{}
	for range mostClients {
		b.clients[&liveClient{}] = struct{}{}
	}
	if w := request(b, "GET", "/live", ""); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d", w.Code)
	}
}

// A stream ends when the server closes, which so need not wait for it.
func TestStreamsEndAtShutdown(t *testing.T) {
	opts := testOptions(t)
	s := serve(t, Handler(opts), "")
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.address+"/live?since=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "identity") // a packed stream has no end
	resp, err := client(nil).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("got %s", got)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(text), `event: checks`) || !strings.Contains(string(text), `check-login`) {
		t.Errorf("got %v: %s", err, text)
	}
}

// With many checks the overview stays small and its strips are drawn.
func TestOverviewOf500Checks(t *testing.T) {
	var checks []*prober.Check
	for i := range 500 {
		c := *testOptions500
		c.Name = fmt.Sprintf("flow-%03d-of-the-bank", i)
		c.Labels = map[string]string{"team": []string{"identity", "payments", "cards"}[i%3], "severity": "page"}
		checks = append(checks, &c)
	}
	judge, err := prober.NewJudge(checks)
	if err != nil {
		t.Fatal(err)
	}
	opts := testOptions(t)
	opts.Recent = NewRecent(checks, nil)
	now := time.Now()
	for i, c := range checks {
		for n := range stripLength {
			r := &prober.Run{Check: c, Start: now.Add(time.Duration(n-stripLength) * 10 * time.Second), Took: time.Duration(i*n) * time.Microsecond, Outcome: prober.Passed}
			if r.Due = r.Start; (i*31+n*17)%97 == 0 { // 1 % of all, so that some are suspect and some firing
				r.Outcome, r.Steps = prober.Failed, []prober.StepResult{{Name: "login", Reason: prober.ReasonStatus5xx, Detail: "want status == 200, got 503"}}
			}
			judge.ObserveRun(r)
			opts.Recent.ObserveRun(r)
		}
	}
	opts.Checks = func() []prober.CheckStatus { return judge.All(now) }
	w := request(Handler(opts), "GET", "/", "", "Accept-Encoding", "gzip")
	if w.Code != 200 || w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatalf("got %d, %v", w.Code, w.Header())
	}
	t.Logf("%d bytes compressed", w.Body.Len())
	if w.Body.Len() > 100_000 {
		t.Errorf("the overview has %d bytes compressed, want at most 100,000", w.Body.Len())
	}
	plain := request(Handler(opts), "GET", "/", "").Body.String()
	for what, want := range map[string]int{`<li class="check `: 500, `class="checks many"`: 1, "<path class=\"f\"": 500, "<ol": 0} {
		if got := strings.Count(plain, what); got != want {
			t.Errorf("%s is there %d times, want %d", what, got, want)
		}
	}
}

var testOptions500 = &prober.Check{
	Steps: []string{"login"}, Reasons: [][]prober.Reason{prober.Reasons},
	Schedule: prober.Schedule{Every: 10 * time.Second, Timeout: time.Second, Concurrency: 1}, Objective: detect.DefaultObjective,
	Begin: func(time.Time) (prober.Attempt, prober.MissReason) { return prober.Attempt{}, prober.MissPaused },
}
