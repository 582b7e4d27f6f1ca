package recording_test

import (
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/checks/recording"
	"github.com/authprober/authprober/prober"
)

var update = flag.Bool("update", false, "rewrite what is generated")

func reader(path string) func(io.Reader) (*recording.Recording, error) {
	if filepath.Ext(path) == ".har" {
		return recording.HAR
	}
	return recording.Postman
}

func draftOf(t testing.TB, path string, o recording.Options) *recording.Draft {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rec, err := reader(path)(f)
	if err != nil {
		t.Fatal(err)
	}
	draft, err := rec.Draft(o)
	if err != nil {
		t.Fatal(err)
	}
	return draft
}

// load loads a draft with an environment that has all that it names.
func load(t testing.TB, draft *recording.Draft, env map[string]string) (*checks.Config, error) {
	t.Helper()
	dir := t.TempDir()
	files := map[string][]byte{"flow.yaml": draft.Flow}
	if draft.Accounts != nil {
		files["flow-accounts.yaml"] = draft.Accounts
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return checks.Load([]string{dir}, checks.Options{AllowEnv: draft.AllowEnv, LookupEnv: func(name string) (string, bool) {
		if value, ok := env[name]; ok {
			return value, true
		}
		if !slices.Contains(draft.Env, name) {
			return "", false
		}
		if strings.Contains(name, "URL") {
			return "https://api.bank.example", true
		}
		return "JBSWY3DPEHPK3PXP", true // fit for a TOTP secret as well
	}})
}

// shown is what a draft is, in one text.
func shown(draft *recording.Draft) string {
	return string(draft.Flow) + "\n--- accounts\n" + string(draft.Accounts) + "\n--- environment\n" +
		strings.Join(draft.Env, " ") + "\n--- in expressions\n" + strings.Join(draft.AllowEnv, " ") + "\n"
}

func TestDrafts(t *testing.T) {
	for file, o := range map[string]recording.Options{
		"bank.har":          {Name: "retail-login", Pool: "retail"},
		"oauth.har":         {Name: "retail-login"},
		"collection.json":   {},
		"collection20.json": {},
	} {
		t.Run(file, func(t *testing.T) {
			path := filepath.Join("testdata", file)
			draft := draftOf(t, path, o)
			got, golden := shown(draft), path+".draft"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if _, err := load(t, draft, nil); err != nil {
				t.Errorf("the draft does not load:\n%v", err)
			}
			holdNoSecret(t, path, got)
		})
	}
}

// sentinels are the secrets of the recordings: those that say so, and those that
// cannot.
var sentinels = regexp.MustCompile(`(?i)s[e3]ntinel|DE89370400440532013000|491701234567|40123456|771234|2580|1772442030|3f2c8a10|eyJ`)

func holdNoSecret(t *testing.T, path, text string) {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(path, "bank.har") && !sentinels.Match(source) {
		t.Errorf("%s holds no sentinel to look for", path)
	}
	if found := sentinels.FindString(text); found != "" {
		t.Errorf("the draft shows %q", found)
	}
	for _, secret := range secretsOfBank {
		if secret.MatchString(text) {
			t.Errorf("the draft shows what %s finds", secret)
		}
		if strings.Contains(path, "bank.har") && !secret.Match(source) {
			t.Errorf("%s holds nothing that %s finds", path, secret)
		}
	}
}

// secretsOfBank are what the staging bank's customers know and are given.
var secretsOfBank = []*regexp.Regexp{
	regexp.MustCompile(`probe-1-[0-9a-f]{4}`), regexp.MustCompile(`3tBrBsrSZMEjYJS3xk`), regexp.MustCompile(`OiapSQee24_Fr8tV5SxGrw`), regexp.MustCompile(`112993`),
	regexp.MustCompile(`YQAAAAByjm9J8N`), regexp.MustCompile(`cgAAAAByjm9J8N`), regexp.MustCompile(`acc_d664149dfa330dd8`), regexp.MustCompile(`DE29402567142617260835`),
}

// What Chromium recorded at one staging bank passes at another, and fails where
// that is broken.
func TestBankDraftRuns(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{Seed: 2, Users: 1})
	defer bank.Close()
	draft := draftOf(t, "testdata/bank.har", recording.Options{Name: "retail-login", Pool: "retail"})
	draft.Flow = replaceOnce(t, draft.Flow, "target: http://127.0.0.1:8480\n", "target: "+bank.URL+"\n")
	user := bank.Users()[0]
	c, err := load(t, draft, map[string]string{
		"RETAIL_1_USERNAME": user.Username, "RETAIL_1_PASSWORD": user.Password, "RETAIL_1_TOTP_SECRET": user.TOTPSecret,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, c, time.Now())
	if r.Outcome() != prober.Passed || len(r.Steps) != 5 || len(r.Cleanup) != 1 || r.Cleanup[0].Status != 204 {
		t.Errorf("got %s: %+v, clean-up %+v", r.Outcome(), r.Steps, r.Cleanup)
	}
	fault, err := banktest.ParseFault("step=login kind=status status=503")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bank.AddFault(fault); err != nil {
		t.Fatal(err)
	}
	// The account rests until its next code.
	if r := run(t, c, time.Now().Add(time.Minute)); r.Steps[0].Reason != prober.ReasonStatus5xx {
		t.Errorf("with a fault: got %s: %+v", r.Outcome(), r.Steps)
	}
}

func replaceOnce(t *testing.T, text []byte, old, by string) []byte {
	t.Helper()
	if n := strings.Count(string(text), old); n != 1 {
		t.Fatalf("%q is %d times in\n%s", old, n, text)
	}
	return []byte(strings.ReplaceAll(string(text), old, by))
}

// run makes one run of the only check.
func run(t *testing.T, c *checks.Config, at time.Time) prober.Report {
	t.Helper()
	a, miss := c.Checks[0].Begin(at)
	if miss != "" {
		t.Fatalf("no run: %s", miss)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), c.Checks[0].Schedule.Timeout, prober.ErrTimeout)
	defer cancel()
	r := a.Probe(ctx)
	if a.Release != nil {
		a.Release(r.Outcome(), r)
	}
	return r
}
