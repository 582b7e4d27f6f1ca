package web

import (
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// The page names whom to blame, confirming runs with what is left of them, and groups.
func TestPageShowsWhatTheDetectorsDo(t *testing.T) {
	opts, now := testOptions(t), time.Now()
	c := &prober.Check{Name: "login", Schedule: prober.Schedule{Every: time.Minute, Confirm: time.Second, ConfirmBudget: 0.1}}
	c.AuthorisedBy, c.Labels = "OPS-4711", map[string]string{"environment": "production"}
	group := &prober.Check{Name: "group:identity", About: "The runs of login, transfer"}
	run := &prober.Run{Check: c, Start: now, Outcome: prober.Passed, Confirm: true}
	blame := detect.Finding{Runs: 12, Failed: 4, Culprits: []detect.Culprit{{
		Tags: []detect.Tag{{Key: "release", Value: "<1.4>"}}, Failed: 4, Runs: 4, RunsElsewhere: 8, P: 0.002,
	}}}
	opts.Checks = func() []prober.CheckStatus {
		return []prober.CheckStatus{
			{Check: c, State: detect.Suspect, Blame: blame, Confirmed: 7, ConfirmLeft: 137, LastRun: run},
			{Check: group, LastRun: run},
			{Check: &prober.Check{Name: "down"}, State: detect.Firing, Evidence: 1.3, Recovery: 0.9961, Pace: prober.PaceChange{
				To: prober.PaceGoverned, Why: prober.PaceOverloaded, At: now.Add(-time.Minute), Until: now.Add(-time.Second)}},
			{Check: &prober.Check{Name: "quiet"}, Pace: prober.PaceChange{
				To: prober.PacePaused, Why: prober.PaceTarget, At: now, Until: now.Add(time.Hour)}},
		}
	}
	body := request(Handler(opts), "GET", "/", "").Body.String()
	for _, want := range []string{
		`<p class="blame">release=&lt;1.4&gt;: 4 of 4 runs failed, 0 of 8 elsewhere (p = 0.002)</p>`,
		`<p class="labels">production authorised by OPS-4711</p>`,
		`7 confirming runs, 137 left; 0 missed, 0 inconclusive`,
		`<a href="/checks/group:identity">group:identity</a>`,
		`<p class="noted">governed 1m0s ago: the target has more to do than it can</p>`,
		`<p class="noted">paused 0s ago: the target has asked for it; for another 59m59s</p>`,
		`<h1>down is firing</h1><p>1 suspect, 1 not measured, 1 healthy</p>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if !strings.Contains(body, "<b>1.3</b> <small>recovery 99 %</small>") || strings.Count(body, "<small>recovery") != 1 {
		t.Error("the recovery is not that of the firing check alone")
	}
	if strings.Count(body, `class="noted"`) != 2 {
		t.Error("a check that keeps its schedule has a word about it")
	}
	if strings.Count(body, "confirming runs") != 1 || strings.Count(body, `class="blame"`) != 1 {
		t.Error("a check that does not confirm, or is healthy, has something to show for it")
	}
}
