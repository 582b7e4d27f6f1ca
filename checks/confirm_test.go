package checks

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober"
)

func TestConfirmSettings(t *testing.T) {
	for text, want := range map[string]prober.Schedule{
		"{every: 10s}":                                      {},
		"{every: 10s, confirm: 0s}":                         {},
		"{every: 10s, confirm: 1s}":                         {Confirm: time.Second, ConfirmBudget: 0.1},
		"{every: 1m, confirm: 500ms, confirm_budget: 100%}": {Confirm: 500 * time.Millisecond, ConfirmBudget: 1},
	} {
		s := mustLoad(t, Options{}, flowNamed("x")+"schedule: "+text+"\n").Checks[0].Schedule
		if s.Confirm != want.Confirm || s.ConfirmBudget != want.ConfirmBudget {
			t.Errorf("%s: got %+v", text, s)
		}
	}
}

func TestGroups(t *testing.T) {
	objective := "objective: {detect: 2%, group: identity}\n"
	c := mustLoadDir(t, flowNamed("a")+objective, flowNamed("b")+objective, flowNamed("c"))
	for i, want := range []string{"identity", "identity", ""} {
		if got := c.Checks[i].Group; got != want {
			t.Errorf("%s: got %q, want %q", c.Checks[i].Name, got, want)
		}
	}
	if len(c.Warnings) != 0 {
		t.Errorf("got %v", c.Warnings)
	}
	c = mustLoadDir(t, flowNamed("a")+objective)
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Message, `no other flow is in the group "identity"`) || c.Warnings[0].Line != 4 {
		t.Errorf("a group of one: got %v", c.Warnings)
	}
}

// Each key that differs is named where it is, or where it is missing, with both values.
func TestGroupsDiffer(t *testing.T) {
	const first = "objective: {detect: 2%, group: identity}\n"
	const rest = ` in the flow "a" in DIR/a.yaml; all flows of the group "identity" have the same`
	tests := map[string]string{
		"objective: {detect: 3%, group: identity}\n":      `DIR/b.yaml:4:21: detect is 3%, and 2%` + rest,
		"objective: {tolerate: 0.11%, group: identity}\n": `DIR/b.yaml:4:23: tolerate is 0.11%, and 0.1%` + rest,
		"objective: {group: identity, blip: 90s, false_pages: 2 per 7d}\n": `DIR/b.yaml:4:36: blip is 1m30s, and 30s` + rest + "\n" +
			`DIR/b.yaml:4:54: false_pages is 1 per 84h, and 1 per 30d` + rest,
	}
	for second, want := range tests {
		dir := write(t, map[string]string{"a.yaml": flowNamed("a") + first, "b.yaml": flowNamed("b") + second})
		_, err := Load([]string{dir}, Options{})
		if err == nil {
			t.Fatalf("%s: no mistake was found", second)
		}
		if diff := cmp.Diff(want, strings.ReplaceAll(filepath.ToSlash(err.Error()), filepath.ToSlash(dir), "DIR")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", second, diff)
		}
	}
	// What the first has and the second leaves out is looked for at the objective.
	dir := write(t, map[string]string{"a.yaml": flowNamed("a") + "objective: {detect: 3%, group: identity}\n", "b.yaml": flowNamed("b") + "objective: {group: identity}\n"})
	if _, err := Load([]string{dir}, Options{}); err == nil || !strings.Contains(err.Error(), "b.yaml:4:12: detect is 2%, and 3% in") {
		t.Errorf("got %v", err)
	}
}

func mustLoadDir(t *testing.T, flows ...string) *Config {
	t.Helper()
	files := map[string]string{}
	for i, text := range flows {
		files[string(rune('a'+i))+".yaml"] = text
	}
	c, err := Load([]string{write(t, files)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What budgets allow to confirm is part of what a pool is asked for.
func TestPoolBudgetOfConfirming(t *testing.T) {
	pool := "pools: {retail: {max_logins: 6 per minute, accounts: [{name: a, username: a}]}}\n"
	flow := flowNamed("x") + "accounts: retail\nschedule: {every: 10s, confirm: 1s}\n"
	dir := write(t, map[string]string{"pool.yaml": pool, "flow.yaml": flow})
	_, err := Load([]string{dir}, Options{})
	const want = `the pool "retail" can give 6 logins a minute and is asked for 6.6 logins a minute (9.1% of them to confirm) by x; ` +
		`add accounts, raise max_logins, run less often or lower confirm_budget`
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Two accounts give 12 logins a minute, of which the schedule needs six:
// confirming runs have the other six, so the schedule never goes without.
func TestConfirmingLeavesTheScheduleItsLogins(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Users: 2})
	defer bank.Close()
	pool := "pools: {retail: {max_logins: 6 per minute, accounts: [{name: a, username: a}, {name: b, username: b}]}}\n"
	flow := strings.Replace(flowNamed("x"), "http://127.0.0.1:1", bank.URL, 1) + "accounts: retail\nschedule: {every: 10s, confirm: 1s}\n"
	c, err := Load([]string{write(t, map[string]string{"pool.yaml": pool, "flow.yaml": flow})}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	check, now := c.Checks[0], time.Unix(1_800_000_000, 0)
	confirmed := 0
	for s := range 600 {
		at := now.Add(time.Duration(s) * time.Second)
		begin := check.BeginConfirm
		if s%10 == 0 {
			begin = check.Begin
		}
		a, miss := begin(at)
		switch {
		case miss == "":
			if s%10 != 0 {
				confirmed++
			}
			a.Release(prober.Passed, prober.Report{})
		case s%10 == 0:
			t.Fatalf("second %d: the schedule missed a run: %s", s, miss)
		case miss != prober.MissBudget:
			t.Fatalf("second %d: got %s, want %s", s, miss, prober.MissBudget)
		}
	}
	if confirmed != 60 {
		t.Errorf("%d confirming runs in ten minutes, want 60", confirmed)
	}
}

// An account is left to each other flow of the pool.
func TestConfirmingLeavesOthersAnAccount(t *testing.T) {
	list := []accounts.Account{{Name: "a"}, {Name: "b"}}
	pool, err := accounts.NewPool("retail", accounts.Limit{}, list)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	s := newSpare(pool, accounts.Need{}, 0.2, 2)
	f := &compiled{pool: pool, spare: s}
	first, miss := f.beginConfirm(now)
	if miss != "" {
		t.Fatalf("two are free: got %s", miss)
	}
	if _, miss := f.beginConfirm(now); miss != prober.MissNoAccount {
		t.Errorf("one is free, and may be wanted: got %q, want %q", miss, prober.MissNoAccount)
	}
	if _, miss := f.begin(now); miss != "" {
		t.Errorf("the schedule may have it: got %q", miss)
	}
	first.Release(prober.Passed, prober.Report{})
}
