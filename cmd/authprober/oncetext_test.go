package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/prober"
)

// pollingRun is a run whose steps poll: one once, one until a code was delivered,
// and one in vain.
func pollingRun() *prober.Run {
	return &prober.Run{
		Check: &prober.Check{Name: "approval", Steps: []string{"push", "code", "approve"}}, Outcome: prober.Failed,
		Start: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC),
		Took:  8 * time.Second,
		Report: prober.Report{Steps: []prober.StepResult{
			{Name: "push", Request: "GET /push", Status: 200, Attempts: 1, Polls: 1, Took: 20 * time.Millisecond, Phases: prober.Phases{Processing: 20 * time.Millisecond}},
			{Name: "code", Request: "GET /code", Status: 200, Attempts: 4, Polls: 4, Took: 3100 * time.Millisecond, Delivery: 3050 * time.Millisecond},
			{Name: "approve", Request: "GET /approval", Status: 202, Attempts: 5, Polls: 5, Took: 4 * time.Second, Phases: prober.Phases{Processing: 50 * time.Millisecond},
				Reason: prober.ReasonTimeout, Detail: `polled 5 times in 5s, and the answer was always "not yet"`},
		}},
	}
}

func TestPollsInText(t *testing.T) {
	var b strings.Builder
	if err := printRun(&b, paint{})(pollingRun()); err != nil {
		t.Fatal(err)
	}
	want := `approval failed in 8.00 s
  ✓ push     200    20 ms  processing 20 ms, polled once
  ✓ code     200   3.10 s  polled 4 times, delivered in 3.05 s
  ✗ approve  202   4.00 s  processing 50 ms, polled 5 times
      timeout: polled 5 times in 5s, and the answer was always "not yet"
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
	b.Reset()
	if err := printRun(&b, paint{on: true})(pollingRun()); err != nil {
		t.Fatal(err)
	}
	if dim := "\x1b[2mpolled 4 times, delivered in 3.05 s\x1b[0m"; !strings.Contains(b.String(), dim) {
		t.Errorf("got %q, want %q in it", b.String(), dim)
	}
}

// A step that has taken more than one request says so: redirects, a nonce, copies.
func TestRequestsInText(t *testing.T) {
	r := &prober.Run{
		Check: &prober.Check{Name: "fapi2", Steps: []string{"push", "log in"}}, Outcome: prober.Passed, Took: 30 * time.Millisecond,
		Report: prober.Report{Steps: []prober.StepResult{
			{Name: "push", Status: 201, Attempts: 2, Took: 20 * time.Millisecond, Phases: prober.Phases{Processing: 20 * time.Millisecond}},
			{Name: "log in", Status: 303, Attempts: 1, Took: 10 * time.Millisecond},
		}},
	}
	var b strings.Builder
	if err := printRun(&b, paint{})(r); err != nil {
		t.Fatal(err)
	}
	want := `fapi2 passed in 30 ms
  ✓ push    201    20 ms  processing 20 ms, 2 requests
  ✓ log in  303    10 ms
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}

func TestPollsInJSON(t *testing.T) {
	var b strings.Builder
	if err := printRunJSON(&b)(pollingRun()); err != nil {
		t.Fatal(err)
	}
	want := `{"check":"approval","outcome":"failed","start":"2026-11-24T03:00:00Z","took_seconds":8,"steps":[` +
		`{"name":"push","request":"GET /push","status":200,"attempts":1,"polls":1,"took_seconds":0.02,"phases_seconds":{"processing":0.02}},` +
		`{"name":"code","request":"GET /code","status":200,"attempts":4,"polls":4,"delivery_seconds":3.05,"took_seconds":3.1},` +
		`{"name":"approve","request":"GET /approval","reason":"timeout","detail":"polled 5 times in 5s, and the answer was always \"not yet\"",` +
		`"status":202,"attempts":5,"polls":5,"took_seconds":4,"phases_seconds":{"processing":0.05}}]}` + "\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}
