package prober

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A trouble is made of runs of a group's checks, each 10 s.
type trouble struct {
	t      *testing.T
	checks []*Check
	judge  *Judge
}

func newTrouble(t *testing.T) *trouble {
	o := &trouble{t: t, checks: append(grouped("a", "b", "c", "d"), testCheck("other", passing(0)))}
	o.checks[3].Labels["team"] = "payments"
	for _, c := range o.checks[:3] {
		delete(c.Labels, "country")
	}
	for _, c := range o.checks {
		c.Objective.Blip = 0
	}
	var err error
	if o.judge, err = NewJudge(o.checks); err != nil {
		t.Fatal(err)
	}
	return o
}

// round has each check run once; those named fail.
func (o *trouble) round(failing string) {
	time.Sleep(10 * time.Second)
	for _, c := range o.checks {
		r := &Run{Check: c, Due: time.Now(), Start: time.Now(), Outcome: Passed}
		if strings.Contains(failing, c.Name) {
			r.Outcome, r.Report = Failed, failure1(ReasonStatus5xx)
		}
		o.judge.ObserveRun(r)
	}
}

// explained are the names of the checks that are, and firing those that are firing.
func (o *trouble) stand() (explained, firing string) {
	for _, s := range o.judge.All(time.Now()) {
		if s.Explained {
			explained += s.Check.Name + " "
		}
		if s.State == detect.Firing {
			firing += s.Check.Name + " "
		}
	}
	return explained, firing
}

func (o *trouble) want(explained, firing string) {
	o.t.Helper()
	if e, f := o.stand(); e != explained || f != firing {
		o.t.Errorf("explained are %q and firing %q, want %q and %q", e, f, explained, firing)
	}
}

// untilGroupIsWell has everything pass until the group is healthy.
func (o *trouble) untilGroupIsWell() {
	for range 10000 {
		if _, firing := o.stand(); !strings.Contains(firing, "group") {
			return
		}
		o.round("")
	}
	o.t.Fatal("the group fires for ever")
}

// A group of one team and one flow of another: all fire, and the group is well first.
func TestExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrouble(t)
		o.checks[3].Group = "" // of another team, and by itself
		o.judge.ReplaceChecks(o.checks)
		for range 10 {
			o.round("abcd other")
		}
		o.want("", "a b c d other group:identity ")
		o.untilGroupIsWell()
		o.want("a b c ", "a b c d other ")
		o.round("a")
		o.want("a b c ", "a b c d other ") // once is what a healthy check does
		o.round("a")
		o.want("b c ", "a b c d other ")
		for range 1000 {
			o.round("")
		}
		o.want("", "")
		for range 10 { // and from the beginning, by itself: it is explained by nothing
			o.round("b")
		}
		if e, f := o.stand(); e != "" || !strings.HasPrefix(f, "b ") {
			t.Errorf("explained are %q, firing %q", e, f)
		}
	})
}

// A flow of another team has its own page from first to last.
func TestExplainedToItsTeamAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrouble(t)
		for range 10 {
			o.round("abcd")
		}
		o.untilGroupIsWell()
		o.want("", "a b c d ") // the group has no team that all have
	})
}

// A flow that has paged for trouble of its own goes on paging when its group has come and gone.
func TestExplainedIsNotWhatWasBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrouble(t)
		o.checks[3].Labels["team"] = "identity"
		o.judge.ReplaceChecks(o.checks)
		for range 2000 {
			o.round("")
		}
		for i := 0; ; i++ { // one run in fifty, until it fires, which is little of all together
			o.round(map[bool]string{true: "a"}[i%50 == 0])
			if _, firing := o.stand(); firing == "a " {
				break
			}
		}
		for range 60 { // too few to show that it is well
			o.round("")
		}
		o.want("", "a ")
		for range 6 {
			o.round("abcd")
		}
		o.want("", "a b c d group:identity ")
		text, err := json.Marshal(func() (s Snapshot) { o.judge.Snapshot("group:identity", &s); return s }())
		if err != nil || !strings.Contains(string(text), `"trouble":`) {
			t.Errorf("what is kept of the group does not say since when it is in trouble: %v\n%s", err, text)
		}
		o.untilGroupIsWell()
		o.want("b c d ", "a b c d ")
	})
}

func TestExplainedSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrouble(t)
		o.checks[3].Labels["team"] = "identity"
		o.judge.ReplaceChecks(o.checks)
		for range 10 {
			o.round("abcd")
		}
		o.untilGroupIsWell()
		o.round("a")
		again := newTrouble(t)
		again.checks[3].Labels["team"] = "identity"
		for _, c := range again.checks[:4] {
			var s Snapshot
			if !o.judge.Snapshot(c.Name, &s) {
				t.Fatal("no snapshot")
			}
			text, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			var read Snapshot
			if err := json.Unmarshal(text, &read); err != nil {
				t.Fatal(err)
			}
			if err := again.judge.Restore(c, read, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		again.want("a b c d ", "a b c d ")
		again.round("a")
		again.want("b c d ", "a b c d ")
	})
}

func TestExplainedInMetrics(t *testing.T) {
	checks := append(grouped("a"), testCheck("other", passing(0)))
	_, metrics := judgeAndMetrics(t, checks)
	text := exposition(t, metrics)
	if !strings.Contains(text, `authprober_page_explained{check="a"} 0`+"\n") || strings.Count(text, "authprober_page_explained{") != 1 {
		t.Errorf("want one authprober_page_explained, of a, at 0:\n%s", text)
	}
}
