package checks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/checks/remember"
	"github.com/authprober/authprober/prober"
)

const passwordFlow = `
name: x
target: TARGET
accounts: retail
steps:
  - {name: login, request: POST /v1/login, json: {username: "${{ account.username }}", password: "${{ account.password }}"}, expect: [status == 200]}
`

// runsOf makes n runs of the only check and says what became of each: the account's
// number and the outcome, or why there was none.
func runsOf(t *testing.T, c *Config, users []banktest.User, n int) (all []string) {
	t.Helper()
	for range n {
		a, miss := c.Checks[0].Begin(time.Now())
		if miss != "" {
			all = append(all, string(miss))
			continue
		}
		r := a.Probe(t.Context())
		a.Release(r.Outcome(), r)
		for i, u := range users {
			if u.Username == a.Account {
				all = append(all, fmt.Sprintf("%d %s", i, r.Outcome()))
			}
		}
	}
	return all
}

// TestQuarantineAtTheBank has one account of three with a wrong password: the bank
// refuses it twice and never sees it again, not from the next process either, until it
// is released. Then every password is wrong, and the accounts rest.
func TestQuarantineAtTheBank(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Users: 3, PasswordOnly: true})
	defer bank.Close()
	users, dir := bank.Users(), t.TempDir()
	users[0].Password = "expired"
	var told []string
	process := func(users []banktest.User, n int) []string {
		store, err := remember.Open(dir, remember.Key{})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		c := mustLoad(t, Options{Remembered: store}, strings.ReplaceAll(passwordFlow, "TARGET", bank.URL), users...)
		c.Accounts.Watch(func(e accounts.Event) {
			if strings.Contains(fmt.Sprint(e), "expired") {
				t.Errorf("an event holds a secret: %v", e)
			}
			told = append(told, string(e.Kind))
		})
		return runsOf(t, c, users, n)
	}
	for i, tc := range []struct{ got, want, told []string }{
		{process(users, 6), []string{"0 failed", "1 passed", "2 passed", "0 failed", "1 passed", "2 passed"}, []string{"account in quarantine"}},
		{process(users, 3), []string{"1 passed", "2 passed", "1 passed"}, []string{"account in quarantine", "account in quarantine"}},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("process %d (-want +got):\n%s", i, diff)
		}
	}
	if want := []string{"account in quarantine", "account in quarantine"}; !cmp.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	store, err := remember.Open(dir, remember.Key{})
	if err != nil {
		t.Fatal(err)
	}
	was, err := ReleaseAccount(store, remember.Account{Pool: "retail", Name: users[0].Username})
	if err != nil || was.Why != accounts.WhyRefused || was.Refusals != 2 {
		t.Errorf("released: %+v, %v", was, err)
	}
	store.Close()
	for i := range users {
		users[i].Password = "expired"
	}
	want := []string{"0 failed", "1 failed", "2 failed", "0 failed", "1 failed", "2 failed", "budget", "budget"}
	if diff := cmp.Diff(want, process(users, 8)); diff != "" {
		t.Errorf("all passwords wrong (-want +got):\n%s", diff)
	}
	if n := bank.Stats().Total.Lockouts; n != 0 {
		t.Errorf("%d accounts are locked", n)
	}
}

// TestPollLocksNobody has a step poll that sends a password which the bank refuses: it
// ends with the first refusal, and counts as one.
func TestPollLocksNobody(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Users: 1, PasswordOnly: true})
	defer bank.Close()
	users := bank.Users()
	users[0].Password = "expired"
	flow := strings.ReplaceAll(passwordFlow, "TARGET", bank.URL)
	flow = strings.Replace(flow, "expect:", "poll: {every: 100ms, for: 2s, until: status == 200}, expect:", 1)
	c := mustLoad(t, Options{}, flow, users...)
	if diff := cmp.Diff([]string{"0 failed", "0 failed", "quarantine"}, runsOf(t, c, users, 3)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if total := bank.Stats().Total; total.Attempts != 2 || total.Lockouts != 0 {
		t.Errorf("the bank has seen %d attempts and %d lockouts, want 2 and 0", total.Attempts, total.Lockouts)
	}
}

// TestOutageAfterAWrongCredential has an outage begin between a wrong credential and the
// login after it, and last: the bank refuses every password from then on. With the wrong
// one it counts no more than four in a row.
func TestOutageAfterAWrongCredential(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Users: 3, PasswordOnly: true})
	defer bank.Close()
	store, err := remember.Open(t.TempDir(), remember.Key{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	login := func(name, password, want string) string {
		return fmt.Sprintf("  - {name: %s, request: POST /v1/login, json: {username: \"${{ account.username }}\", password: %q}, %s}\n", name, password, want)
	}
	flow := "name: x\ntarget: " + bank.URL + "\naccounts: retail\nschedule: {every: 3h}\nsteps:\n" + login("before", "${{ account.password }}", "expect: [status == 200]") +
		login("wrong", "no", "refuse: [401]") + login("after", "${{ account.later }}", "expect: [status == 200]")
	at := time.Now()
	runs := func(password func(banktest.User) string, n int) {
		pool := "pools:\n  retail:\n    kind: negative\n    max_negative: 20 per day\n    accounts:\n"
		for i, u := range bank.Users() {
			pool += fmt.Sprintf("      - {name: a%d, username: %q, password: %q, later: expired}\n", i, u.Username, password(u))
		}
		c, err := Load([]string{write(t, map[string]string{"pool.yaml": pool, "flow.yaml": flow})}, Options{Remembered: store})
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			at = at.Add(2 * time.Hour)
			if a, miss := c.Checks[0].Begin(at); miss == "" {
				r := a.Probe(t.Context())
				a.Release(r.Outcome(), r)
			}
		}
	}
	runs(func(u banktest.User) string { return u.Password }, 3)
	runs(func(banktest.User) string { return "expired" }, 20)
	if total := bank.Stats().Total; total.Refused != 3*4 || total.Lockouts != 0 {
		t.Errorf("the bank has refused %d logins and locked %d accounts, want 12 and 0", total.Refused, total.Lockouts)
	}
}

// TestResults says of answers what they mean for the account.
func TestResults(t *testing.T) {
	login := step{Step: &RequestStep{}, StepSettings: &StepSettings{}, credential: true}
	use := step{Step: &RequestStep{}, StepSettings: &StepSettings{}}
	refused := step{Step: &RequestStep{}, StepSettings: &StepSettings{Refuse: []int{401}}}
	f := &compiled{steps: []step{login, use, refused}}
	at := func(i int, reason prober.Reason, status int) *prober.Report {
		r := &prober.Report{Steps: make([]prober.StepResult, i+1)}
		r.Steps[i].Reason, r.Steps[i].Status = reason, status
		return r
	}
	skipped := &prober.Report{Steps: []prober.StepResult{{Skipped: true}, {}, {}}}
	for name, tc := range map[string]struct {
		outcome prober.Outcome
		report  *prober.Report
		resumes bool
		want    accounts.Result
	}{
		"passed":                       {prober.Passed, at(2, "", 401), false, accounts.Accepted},
		"passed without a login":       {prober.Passed, skipped, false, accounts.Unclear},
		"passed, and nobody logs in":   {prober.Passed, skipped, true, accounts.Accepted},
		"401":                          {prober.Failed, at(0, prober.ReasonStatus4xx, 401), false, accounts.Refused},
		"401, and it broke off":        {prober.Failed, at(0, prober.ReasonReset, 401), false, accounts.Refused},
		"423, and it never came whole": {prober.Failed, at(0, prober.ReasonTimeout, 423), false, accounts.Locked},
		"401 to a token, broken off":   {prober.Failed, at(1, prober.ReasonReset, 401), false, accounts.Unclear},
		"403 later":                    {prober.Failed, at(1, prober.ReasonStatus4xx, 403), false, accounts.Refused},
		"invalid_grant":                {prober.Failed, at(0, prober.ReasonOAuthError, 400), false, accounts.Refused},
		"400 without a credential":     {prober.Failed, at(1, prober.ReasonStatus4xx, 400), false, accounts.Unclear},
		"another refusal than wanted":  {prober.Failed, at(2, prober.ReasonStatus4xx, 403), false, accounts.Unclear},
		"locked":                       {prober.Failed, at(0, prober.ReasonStatus4xx, 423), false, accounts.Locked},
		"locked by a wrong credential": {prober.Failed, at(2, prober.ReasonStatus4xx, 423), false, accounts.Locked},
		"an error":                     {prober.Failed, at(0, prober.ReasonStatus5xx, 503), false, accounts.Unclear},
		"a limit":                      {prober.Failed, at(0, prober.ReasonRateLimited, 429), false, accounts.Unclear},
		"no answer":                    {prober.Failed, at(0, prober.ReasonTimeout, 0), false, accounts.Unclear},
		"shutdown":                     {prober.Aborted, at(0, "", 0), false, accounts.Unclear},
		"accepted what it must refuse": {prober.Failed, at(2, prober.ReasonNotRefused, 200), false, accounts.Unclear},
		"a clean-up is not the login":  {prober.Failed, &prober.Report{Cleanup: at(0, prober.ReasonStatus4xx, 401).Steps}, false, accounts.Unclear},
	} {
		f.resumes = tc.resumes
		if got := f.result(tc.outcome, tc.report); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

// TestNegative says of steps that must be refused whether they send a wrong credential.
func TestNegative(t *testing.T) {
	for settings, want := range map[string]bool{
		`request: GET /`:                                                                           false,
		`request: 'GET /${{ account.name }}'`:                                                      false,
		`request: POST /, json: {u: "${{ account.username }}"}`:                                    true,
		`request: POST /, json: {u: "${{ account[\"username\"] }}"}`:                               true,
		`request: POST /, json: {u: "${{ toJSON(account) }}"}`:                                     true,
		`request: POST /, json: {u: x}, basic: {username: "${{ account.username }}", password: x}`: true,
		`request: POST /, json: {code: "${{ code }}"}`:                                             true, // computed of the account's
		`request: POST /, json: {code: "${{ again }}"}`:                                            true, // and this of that
		`request: GET /, bearer: "${{ token }}"`:                                                   false,
		`request: POST /, let: {p: account.password}, json: {p: "${{ p }}"}`:                       true,
		`request: POST /, json: {u: "${{ account.username }}"}, negative: false`:                   false,
		`request: POST /, json: {code: "000000"}, negative: true`:                                  true,
	} {
		flow := strings.ReplaceAll(passwordFlow, "TARGET", "http://127.0.0.1:1") +
			"  - {name: two, let: {code: totp(account.totp_secret), again: 'code + \"0\"'}, request: GET /, expect: [status == 200], capture: {token: body.token}}\n" +
			"  - {name: must, refuse: [401], " + settings + "}\n" + strings.Replace(strings.Split(passwordFlow, "steps:\n")[1], "login", "after", 1)
		for _, kind := range accounts.Kinds {
			_, err := writeFlows(t, Options{}, map[string]string{"flow.yaml": flow,
				"accounts.yaml": "pools: {retail: {kind: " + string(kind) + ", max_negative: 99999 per day, accounts: [{name: a, username: u, password: p, totp_secret: JBSWY3DPEHPK3PXP},{name: b, username: u, password: p, totp_secret: JBSWY3DPEHPK3PXP},{name: c, username: u, password: p, totp_secret: JBSWY3DPEHPK3PXP}]}}"})
			wrong := kind == accounts.Positive && want
			if (err != nil) != wrong || wrong && !strings.Contains(err.Error(), `the pool "retail" is positive`) {
				t.Errorf("%s in a %s pool: got %v", settings, kind, err)
			}
		}
	}
}

// TestAccountShare loads flows for each of several shares of the accounts: they are dealt
// out, with the secrets of its own alone, and capacity is that of the share.
func TestAccountShare(t *testing.T) {
	var pool strings.Builder
	pool.WriteString("pools:\n  retail:\n    max_logins: 1 per minute\n    accounts:\n")
	for i := range 12 {
		fmt.Fprintf(&pool, "      - {name: probe-%d, username: u, password: {env: P%d}}\n", i, i)
	}
	seen, asked := map[string]int{}, map[string]int{}
	lookup := func(name string) (string, bool) { asked[name]++; return "secret-of-" + name, true }
	for n := range 3 {
		o := Options{AccountShare: accounts.Shard{Number: n + 1, Of: 3}, LookupEnv: lookup}
		flow := strings.ReplaceAll(passwordFlow, "TARGET", "http://127.0.0.1:1")
		c, err := writeFlows(t, o, map[string]string{"flow.yaml": flow + "schedule: {every: 30s}\n", "accounts.yaml": pool.String()})
		if err != nil {
			t.Fatal(err)
		}
		for a := range c.Accounts.Pool("retail").Accounts() {
			seen[a.Name]++
		}
		_, err = writeFlows(t, o, map[string]string{"flow.yaml": flow + "schedule: {every: 6s}\n", "accounts.yaml": pool.String()})
		if err == nil || !strings.Contains(err.Error(), `the pool "retail" can give`) { // 12 accounts could, 3 to 6 cannot
			t.Errorf("share %d at the pace of the whole pool: got %v", n+1, err)
		}
	}
	for name, times := range seen {
		if times != 1 {
			t.Errorf("%s is in %d shares", name, times)
		}
	}
	if len(seen) != 12 || len(asked) != 12 {
		t.Errorf("%d accounts and %d secrets, want 12", len(seen), len(asked))
	}
	for name, times := range asked {
		if times != 2 {
			t.Errorf("%s was looked up %d times, want 2: by one share, loaded twice", name, times)
		}
	}
	_, err := writeFlows(t, Options{AccountShare: accounts.Shard{Number: 1, Of: 1000}}, map[string]string{
		"flow.yaml": strings.ReplaceAll(passwordFlow, "TARGET", "http://127.0.0.1:1"), "accounts.yaml": "pools: {retail: {accounts: [{name: a, username: u, password: p}]}}"})
	if err == nil || strings.Count(err.Error(), "\n") > 0 ||
		!strings.HasSuffix(err.Error(), `the account share 1/1000 has none of the 1 account of the pool "retail"; want more accounts, other names or fewer shards`) {
		t.Errorf("an empty share: got %v", err)
	}
}

// TestBetween: a wrong credential (b) is between right ones (g), whatever else (o) and
// whatever may be skipped (s) is there too.
func TestBetween(t *testing.T) {
	for steps, want := range map[string]bool{
		"gbg": true, "gobog": true, "gbgbg": true, "b": false, "gb": false, "bg": false, "gbb": false, "gbbg": false,
		"sbg": false, "gbs": false, "gbsg": true, "obo": false,
	} {
		f := &compiled{}
		for _, kind := range steps {
			st := step{Step: &RequestStep{}, StepSettings: &StepSettings{}, credential: kind != 'o'}
			switch kind {
			case 'b':
				st.Refuse = []int{401}
			case 's':
				st.If.node = &yaml.Node{}
			}
			f.steps = append(f.steps, st)
		}
		got := true
		for _, st := range pointers(f.steps) {
			got = got && (!st.isNegative() || f.between(st))
		}
		if got != want {
			t.Errorf("%s: got %v, want %v", steps, got, want)
		}
	}
}
