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
		`<small class="blame">release=&lt;1.4&gt;: 4 of 4 runs failed, 0 of 8 elsewhere (p = 0.002)</small>`,
		`login<small>production authorised by OPS-4711</small>`,
		`<small>7 confirming runs, 137 left</small>`,
		`<td>passed 0s ago (confirming)</td>`,
		`group:identity<small>The runs of login, transfer</small>`,
		`<td>login passed 0s ago (confirming)</td>`,
		`<small class="pace">governed 1m0s ago: the target has more to do than it can</small>`,
		`<small class="pace">paused 0s ago: the target has asked for it; for another 59m59s</small>`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if !strings.Contains(body, " 1.30<small>recovery 99 %</small>") || strings.Count(body, "<small>recovery") != 1 {
		t.Error("the recovery is not that of the firing check alone")
	}
	if strings.Count(body, `class="pace"`) != 2 {
		t.Error("a check that keeps its schedule has a word about it")
	}
	if strings.Count(body, "confirming runs") != 1 || strings.Count(body, `class="blame"`) != 1 {
		t.Error("a check that does not confirm, or is healthy, has something to show for it")
	}
}
