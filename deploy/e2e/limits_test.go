package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	limitsFlows    = 5000
	limitsAccounts = 10_000
)

// TestLimits gives the program the largest configurations that it is made for, and some
// that are too large: it takes them, or says what is wrong with them.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name  string
		write func(dir string) error
		want  string // the last line of what check says
		fails bool
	}{
		{"5,000 flows and 10,000 accounts", manyFlows, "flow-999   60 runs an hour  up to 120 requests an hour  1.01 logins a week for each of 10000 accounts of retail", false},
		{"a flow of 200 steps", func(dir string) error {
			var steps strings.Builder
			for i := range 200 {
				fmt.Fprintf(&steps, "  - {name: s%d, request: GET /a, expect: [status == 200]}\n", i)
			}
			return oneFlow(dir, steps.String())
		}, "large  1 run an hour  up to 200 requests an hour  no accounts", false},
		{"a flow of a megabyte", func(dir string) error {
			return oneFlow(dir, "  - {name: s, request: POST /a, body: \""+strings.Repeat("x", 1_000_000)+"\", expect: [status == 200]}\n")
		}, "large  1 run an hour  up to 1 request an hour  no accounts", false},
		{"an expression of 64 KB", func(dir string) error {
			return oneFlow(dir, "  - {name: s, request: GET /a, expect: ['status == 200 && text != \""+strings.Repeat("x", 64<<10)+"\"']}\n")
		}, "large  1 run an hour  up to 1 request an hour  no accounts", false},
		{"a flow that is too large", func(dir string) error {
			return oneFlow(dir, "  - {name: s, request: POST /a, body: \""+strings.Repeat("x", 3_000_000)+"\", expect: [status == 200]}\n")
		}, "flow.yaml: cannot be read: it has 3000135 bytes; the limit is 1048576", true},
		{"an expression of too many parts", func(dir string) error {
			return oneFlow(dir, "  - {name: s, request: GET /a, expect: ['status == 200"+strings.Repeat(" || status == 201", 4000)+"']}\n")
		}, "the expression has more than 10000 parts; want several shorter ones", true},
		{"a text that grows without end", func(dir string) error {
			return oneFlow(dir, "  - &a {name: s, request: GET /a, headers: {A: [*a, *a]}, expect: [status == 200]}\n")
		}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := c.write(dir); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), authprober(t), "check", dir).CombinedOutput()
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			if last := lines[len(lines)-1]; (err != nil) != c.fails || !strings.HasSuffix(last, c.want) {
				t.Errorf("got %v and %.300q, want %q", err, last, c.want)
			}
		})
	}
}

func oneFlow(dir, steps string) error {
	return os.WriteFile(filepath.Join(dir, "flow.yaml"), []byte("name: large\ntarget: http://127.0.0.1:1\nschedule: {every: 1h}\nsteps:\n"+steps), 0o600)
}

func manyFlows(dir string) error {
	for i := range limitsFlows {
		flow := fmt.Sprintf(`name: flow-%d
target: http://127.0.0.1:1
schedule: {every: 60s, timeout: 8s}
accounts: retail
steps:
  - {name: login, request: POST /v1/login, json: {username: "${{ account.username }}", password: "${{ account.password }}"}, expect: [status == 200], capture: {token: body.token}}
  - {name: accounts, request: GET /v1/accounts, bearer: "${{ token }}", expect: [status == 200]}
`, i)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("flow%d.yaml", i)), []byte(flow), 0o600); err != nil {
			return err
		}
	}
	var pool strings.Builder
	pool.WriteString("pools:\n  retail:\n    max_logins: 6 per minute\n    accounts:\n")
	for i := range limitsAccounts {
		fmt.Fprintf(&pool, "      - {name: a%d, username: u%d, password: \"p%d-secret\"}\n", i, i, i)
	}
	return os.WriteFile(filepath.Join(dir, "accounts.yaml"), []byte(pool.String()), 0o600)
}
