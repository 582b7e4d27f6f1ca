package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The passwords hold what breaks templates that paste text into JSON.
const (
	passwordA = `"quoted", {braces} & 100% \back`
	passwordB = `012345678`
)

// A pocket is a PocketBase of its own, with two users and an account for each.
type pocket struct {
	url   string
	admin http.Header
}

func newPocket(t *testing.T) *pocket {
	dir := t.TempDir()
	args := []string{"--dev=false", "--dir", filepath.Join(dir, "pb_data"), "--migrationsDir", filepath.Join(dir, "pb_migrations")}
	const email, password = "root@example.test", "a password of ours"
	if out, err := exec.Command(pocketbase(t), append([]string{"superuser", "upsert", email, password}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("making a superuser: %v\n%s", err, out)
	}
	address := freeAddresses(t, 1)[0]
	p := &pocket{url: "http://" + address, admin: http.Header{"Content-Type": {"application/json"}}}
	start(t, nil, pocketbase(t), append([]string{"serve", "--http", address}, args...)...).ready(t, p.url+"/api/health")

	login := p.must(t, "POST", "/api/collections/_superusers/auth-with-password", fmt.Sprintf(`{"identity": %q, "password": %q}`, email, password))
	p.admin.Set("Authorization", login["token"].(string))
	p.must(t, "POST", "/api/collections", `{
		"name": "accounts", "type": "base", "listRule": "owner = @request.auth.id",
		"fields": [
			{"name": "owner", "type": "relation", "collectionId": "_pb_users_auth_", "maxSelect": 1},
			{"name": "iban", "type": "text"}
		]}`)
	for email, password := range map[string]string{"probe-a@example.test": passwordA, "probe-b@example.test": passwordB} {
		text, err := json.Marshal(map[string]any{"email": email, "password": password, "passwordConfirm": password, "verified": true})
		if err != nil {
			t.Fatal(err)
		}
		user := p.must(t, "POST", "/api/collections/users/records", string(text))
		p.must(t, "POST", "/api/collections/accounts/records", fmt.Sprintf(`{"owner": %q, "iban": "DE02120300000000202051"}`, user["id"]))
	}
	return p
}

// must makes a request as the superuser, which has to work.
func (p *pocket) must(t *testing.T, method, path, body string) (object map[string]any) {
	t.Helper()
	text, err := call(method, p.url+path, p.admin, body)
	if err == nil && len(text) > 0 {
		err = json.Unmarshal(text, &object)
	}
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// once runs `authprober once` and returns its exit code and what it printed.
func (p *pocket) once(t *testing.T, env []string, args ...string) (int, string) {
	t.Helper()
	cmd := exec.Command(authprober(t), append([]string{"once"}, args...)...)
	cmd.Env = slices.Concat(os.Environ(), []string{"AUTHPROBER_ALLOW_ENV=POCKETBASE_URL,MAIL_URL"}, p.environment(), env)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// silent fails the test where a secret shows.
func silent(t *testing.T, out string) {
	t.Helper()
	for _, secret := range []string{passwordA, passwordB, "eyJ"} { // each JWT begins so
		if strings.Contains(out, secret) {
			t.Errorf("a secret is in the output:\n%s", out)
		}
	}
}

// environment is what deploy/flows/pocketbase.yaml reads.
func (p *pocket) environment() []string {
	return []string{"POCKETBASE_URL=" + p.url, "POCKETBASE_A_PASSWORD=" + passwordA, "POCKETBASE_B_PASSWORD=" + passwordB}
}

// TestPocketBase runs the example flow as it ships, once to be read and 200 times
// in a row.
func TestPocketBase(t *testing.T) {
	t.Parallel()
	p := newPocket(t)
	flow, accounts := deployed("flows", "pocketbase.yaml"), deployed("flows", "pocketbase-accounts.yaml")
	code, out := p.once(t, nil, flow, accounts)
	if code != 0 {
		t.Fatalf("exit code %d, want 0:\n%s", code, out)
	}
	silent(t, out)
	for _, step := range []string{"login", "refresh", "accounts", "no token is refused", "a wrong password is refused"} {
		if !strings.Contains(out, "✓ "+step) {
			t.Errorf("step %q has not passed:\n%s", step, out)
		}
	}
	passed(t, ranWith(t, 200, p.environment(), flow, accounts))
}

// TestPocketBaseFaults puts a fault of 5 % in front of the logins, the customer's
// and the one with a wrong password, which is to be refused and not to be down.
func TestPocketBaseFaults(t *testing.T) {
	t.Parallel()
	p := newPocket(t)
	f := newFront(t, freeAddresses(t, 1)[0], p.url, "path=/api/collections/users/auth-with-password kind=status status=503 rate=5%")
	p.url = f.url
	all := ranWith(t, 200, p.environment(), deployed("flows", "pocketbase.yaml"), deployed("flows", "pocketbase-accounts.yaml"))
	f.blamed(t, failures(all), "a wrong password is refused: status_5xx", "login: status_5xx")
}

// TestPocketBaseFails gives the flow a user whose password is wrong: it has to
// be seen, and seen as the target's verdict.
func TestPocketBaseFails(t *testing.T) {
	p := newPocket(t)
	env := []string{"POCKETBASE_A_PASSWORD=hunter-2-wrong", "POCKETBASE_B_PASSWORD=hunter-2-wrong"}
	code, out := p.once(t, env, deployed("flows", "pocketbase.yaml"), deployed("flows", "pocketbase-accounts.yaml"))
	if code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{"✗ login", "got 400"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the output", want)
		}
	}
	if strings.Contains(out, "hunter-2") {
		t.Error("the password is in the output")
	}
	if t.Failed() {
		t.Log(out)
	}
}

// TestPocketBaseTwoFactors turns on the second factor: the password is answered
// with 401 and the way on, and a code comes by mail.
func TestPocketBaseTwoFactors(t *testing.T) {
	p := newPocket(t)
	mail := newMailbox(t)
	p.must(t, "PATCH", "/api/settings", fmt.Sprintf(
		`{"smtp": {"enabled": true, "host": "127.0.0.1", "port": %s, "tls": false}, "meta": {"senderAddress": "bank@example.test"}}`, mail.port))
	p.must(t, "PATCH", "/api/collections/users",
		`{"mfa": {"enabled": true, "duration": 300}, "otp": {"enabled": true, "duration": 180, "length": 8}, "authAlert": {"enabled": false}}`)
	for i := range 5 {
		code, out := p.once(t, []string{"MAIL_URL=" + mail.url}, filepath.Join("testdata", "pocketbase-two-factors.yaml"),
			deployed("flows", "pocketbase-accounts.yaml"))
		if code != 0 {
			t.Fatalf("run %d: exit code %d, want 0:\n%s", i+1, code, out)
		}
		silent(t, out)
	}
}
