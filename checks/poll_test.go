package checks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/prober"
)

// polled is a flow of one step that polls, and a clean-up.
func polled(settings string) string {
	return `
name: x
target: http://192.0.2.1
schedule: {every: 30s, timeout: 8s, cleanup: 1s}
steps:
  - name: approval
    request: GET /approval
    ` + settings + `
cleanup:
  - {name: forget, request: GET /forget, expect: [status == 200]}
`
}

// An approvals server answers requests for /approval with one state after the
// other, over a network in memory.
type approvals struct {
	states []string // a status, hang, slow, or what the body says

	mu     sync.Mutex
	asked  []time.Duration // since the bubble began
	forgot int
	dials  int

	answering sync.WaitGroup // handlers may outlive the connection they serve
}

func (a *approvals) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.answering.Add(1)
	defer a.answering.Done()
	a.mu.Lock()
	if r.URL.Path != "/approval" {
		a.forgot++
		a.mu.Unlock()
		return
	}
	a.asked = append(a.asked, time.Since(bubbleStart))
	state := a.states[min(len(a.asked), len(a.states))-1]
	a.mu.Unlock()
	if status, err := strconv.Atoi(state); err == nil {
		w.WriteHeader(status)
		return
	}
	switch state {
	case "hang":
		<-r.Context().Done()
	case "slow":
		time.Sleep(700 * time.Millisecond) // of the fake clock
		state = "done"
	}
	fmt.Fprintf(w, `{"state": %q}`, state)
}

// bubbleStart is when the clock of every bubble starts.
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// pollOnce makes one run against the server. The context is what the run's is
// derived from.
func (a *approvals) pollOnce(t *testing.T, ctx context.Context, flow string) prober.Report {
	network := newPipes()
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: a}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(network) })
	defer func() {
		_ = server.Close()
		_ = network.Close()
		serving.Wait()
		a.answering.Wait()
	}()
	dial := func(ctx context.Context, of, address string) (net.Conn, error) {
		a.dials++
		return network.dial(ctx, of, address)
	}
	c := mustLoad(t, Options{Dial: dial}, flow)
	ctx, cancel := context.WithTimeoutCause(ctx, c.Checks[0].Schedule.Timeout, prober.ErrTimeout)
	defer cancel()
	attempt, _ := c.Checks[0].Begin(time.Now())
	return attempt.Probe(ctx)
}

func TestPoll(t *testing.T) {
	const until = `until: body.state == "done"`
	second := func(s ...float64) (at []time.Duration) {
		for _, v := range s {
			at = append(at, time.Duration(v*float64(time.Second)))
		}
		return at
	}
	tests := []struct {
		name   string
		states []string
		poll   string
		reason prober.Reason
		detail string
		asked  []time.Duration
		took   time.Duration
	}{
		{"at once", []string{"done"}, "{for: 5s, " + until + "}", "", "", second(0), 0},
		{"pending, then there", []string{"pending", "pending", "done"}, "{for: 5s, " + until + "}", "", "", second(0, 1, 2), 2 * time.Second},
		{"more often", []string{"pending", "pending", "done"}, "{every: 100ms, for: 5s, " + until + "}", "", "", second(0, .1, .2), 200 * time.Millisecond},
		{"the time is from answer to request", []string{"pending", "slow"}, "{every: 300ms, for: 5s, " + until + "}", "", "", second(0, .3), time.Second},
		{"not found yet", []string{"404", "204", "done"}, "{for: 5s, " + until + "}", "", "", second(0, 1, 2), 2 * time.Second},
		{"never", []string{"pending"}, "{every: 2s, for: 5s, " + until + "}", prober.ReasonTimeout,
			`polled 3 times in 5s, and the answer was always "not yet", the last with status 200`, second(0, 2, 4), 4 * time.Second},
		{"never found", []string{"pending", "404"}, "{every: 2s, for: 5s, " + until + "}", prober.ReasonTimeout,
			`polled 3 times in 5s, and the answer was always "not yet", the last with status 404`, second(0, 2, 4), 4 * time.Second},
		{"never delivered", []string{"pending"}, "{every: 2s, for: 5s, delivery: true, " + until + "}", prober.ReasonUndelivered,
			`polled 3 times in 5s, and the answer was always "not yet", the last with status 200`, second(0, 2, 4), 4 * time.Second},
		{"an error", []string{"pending", "500"}, "{for: 5s, " + until + "}", prober.ReasonStatus5xx,
			`want body.state == "done", or an answer that says "not yet", got neither (status 500)`, second(0, 1), time.Second},
		{"a limit", []string{"429"}, "{for: 5s, delivery: true, " + until + "}", prober.ReasonRateLimited,
			`want body.state == "done", or an answer that says "not yet", got neither (status 429)`, second(0), 0},
		{"an error that is waited for", []string{"pending", "500"}, "{for: 5s, until: status == 500}", prober.ReasonStatus5xx, "want status == 200, got 500", second(0, 1), time.Second},
		{"pending in words", []string{"pending", "done"}, "{for: 5s, " + until + `, pending: body.state == "pending"}`, "", "", second(0, 1), time.Second},
		{"neither", []string{"pending", "denied"}, "{for: 5s, " + until + `, pending: body.state == "pending"}`, prober.ReasonAssertion,
			`want body.state == "done", or an answer that says "not yet", got neither (status 200)`, second(0, 1), time.Second},
		{"neither, with a status", []string{"403"}, "{for: 5s, " + until + ", pending: status == 202}", prober.ReasonStatus4xx,
			`want body.state == "done", or an answer that says "not yet", got neither (status 403)`, second(0), 0},
		{"errors may mean not yet", []string{"503", "429", "done"}, "{for: 5s, " + until + ", pending: 'status in [429, 503]'}", "", "", second(0, 1, 2), 2 * time.Second},
		{"a request under way when the time is over", []string{"pending", "hang"}, "{for: 5s, " + until + "}", prober.ReasonTimeout,
			"no whole answer within the time: it ran out while waiting for the answer", second(0, 1), 5 * time.Second},
		{"the answer comes too late", []string{"pending", "slow"}, "{every: 500ms, for: 1s, " + until + "}", prober.ReasonTimeout,
			"no whole answer within the time: it ran out while waiting for the answer", second(0, .5), time.Second},
		{"the step's own time", []string{"pending"}, "{every: 2s, for: 5s, " + until + "}\n    timeout: 3s", prober.ReasonTimeout,
			"no whole answer within the time: it ran out while waiting to ask again", second(0, 2), 3 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &approvals{states: tt.states}
				r := a.pollOnce(t, t.Context(), polled("poll: "+tt.poll+"\n    expect: [status == 200]"))
				check(t, r, tt.reason, tt.detail)
				if diff := cmp.Diff(tt.asked, a.asked); diff != "" {
					t.Errorf("asked at (-want +got):\n%s", diff)
				}
				st := r.Steps[0]
				if st.Took != tt.took || st.Polls != len(tt.asked) || st.Attempts != len(tt.asked) {
					t.Errorf("got %d polls and %d requests in %s, want %d in %s", st.Polls, st.Attempts, st.Took, len(tt.asked), tt.took)
				}
				if st.Delivery != 0 {
					t.Errorf("got a delivery after %s, and none was waited for in success", st.Delivery)
				}
				if a.forgot != 1 {
					t.Errorf("the clean-up took place %d times", a.forgot)
				}
			})
		})
	}
}

func TestDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &approvals{states: []string{"pending", "pending", "slow"}}
		r := a.pollOnce(t, t.Context(), polled(`poll: {every: 500ms, for: 5s, until: body.state == "done", delivery: true}
    expect: [status == 200]`))
		check(t, r, "", "")
		if got := r.Steps[0]; got.Delivery != 1700*time.Millisecond || got.Phases.Processing != 700*time.Millisecond {
			t.Errorf("got a delivery after %s, of which the target worked %s", got.Delivery, got.Phases.Processing)
		}
		if a.dials != 1 {
			t.Errorf("3 polls and the clean-up opened %d connections, want 1", a.dials)
		}
	})
}

// What is judged and captured is the last answer; an expectation that is false
// then fails the step, however long it took.
func TestPollJudgesTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &approvals{states: []string{"pending", "denied"}}
		r := a.pollOnce(t, t.Context(), polled(`poll: {for: 5s, until: body.state != "pending"}
    expect: [status == 200, body.state == "done"]`))
		check(t, r, prober.ReasonAssertion, `want body.state == "done", got "denied" (status 200)`)
	})
}

// The run's time, or the prober's shutdown, ends a wait at once.
func TestPollEndsEarly(t *testing.T) {
	flow := polled(`poll: {every: 6s, for: 8s, until: body.state == "done"}
    expect: [status == 200]`)
	synctest.Test(t, func(t *testing.T) {
		a := &approvals{states: []string{"pending"}}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 4*time.Second, prober.ErrTimeout)
		defer cancel()
		r := a.pollOnce(t, ctx, flow)
		check(t, r, prober.ReasonTimeout, "no whole answer within the time: it ran out while waiting to ask again")
		if r.Took != 4*time.Second || a.forgot != 1 {
			t.Errorf("it took %s, and %d clean-ups", r.Took, a.forgot)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		a := &approvals{states: []string{"pending"}}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(prober.ErrShutdown) })
		r := a.pollOnce(t, ctx, flow)
		if !errors.Is(r.Err, prober.ErrShutdown) || r.Outcome() != prober.Aborted || r.Steps[0].Reason != "" {
			t.Errorf("got %s, %v and %+v, want aborted", r.Outcome(), r.Err, r.Steps)
		}
		if r.Took != time.Second || a.forgot != 1 {
			t.Errorf("it took %s, and %d clean-ups", r.Took, a.forgot)
		}
	})
}

// Every way in which a poll can fail has a series.
func TestReasonsOfPolls(t *testing.T) {
	c := mustLoad(t, Options{}, polled(`poll: {for: 5s, until: status == 200, delivery: true}
    expect: [took < duration("1s")]`))
	has := map[prober.Reason]bool{}
	for _, r := range c.Checks[0].Reasons[0] {
		has[r] = true
	}
	for _, r := range []prober.Reason{prober.ReasonUndelivered, prober.ReasonTimeout, prober.ReasonRateLimited, prober.ReasonStatus5xx, prober.ReasonStatus4xx} {
		if !has[r] {
			t.Errorf("%s is missing in %v", r, c.Checks[0].Reasons[0])
		}
	}
}
