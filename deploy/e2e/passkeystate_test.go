package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPasskeyThatLasts runs the example flow as it ships, 200 times in two processes
// that share a folder: the relying party wants each counter to be larger than the
// one before.
func TestPasskeyThatLasts(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p, state := newRelyingParty(t), t.TempDir()
	process := func(runs, dir string) (string, error) {
		cmd := exec.Command(authprober(t), "once", "--runs", runs, deployed("flows", "passkey.yaml"), deployed("flows", "passkey-accounts.yaml"))
		cmd.Env = append(os.Environ(), "AUTHPROBER_ALLOW_ENV=RP_URL,RP_ORIGIN", "RP_URL="+p.url, "RP_ORIGIN="+rpOrigin,
			"AUTHPROBER_STATE_DIR="+dir, "PASSKEY_A="+privatePEM(t, key))
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for i := range 2 {
		out, err := process("100", state)
		if err != nil {
			t.Fatalf("process %d: %v\n%s", i+1, err, out)
		}
		if !strings.Contains(out, "passkey: failed 0.0% (0.0%-3.7%) of 100 runs") {
			t.Errorf("process %d: not all of 100 runs passed:\n%s", i+1, out)
		}
		for _, secret := range []string{"PRIVATE KEY", "eyJ0", string(p.passkeys("probe-a@bank.example")[0])} { // eyJ0 is {"t, of the client data
			if strings.Contains(out, secret) || strings.Contains(out, base64.RawURLEncoding.EncodeToString([]byte(secret))) {
				t.Errorf("process %d: a secret is in the output:\n%s", i+1, out)
			}
		}
	}
	counters := p.counters["probe-a@bank.example"]
	for i, n := range counters {
		if n != uint32(i+1) {
			t.Fatalf("login %d has the counter %d, want %d", i+1, n, i+1)
		}
	}
	if len(counters) != 200 || len(p.passkeys("probe-a@bank.example")) != 1 {
		t.Errorf("got %d logins with %d passkeys, want 200 with one, which the first run registers", len(counters), len(p.passkeys("probe-a@bank.example")))
	}

	// What is remembered is in the folder and nowhere else. With the counter set back
	// the relying party refuses, and that is seen at the step that logs in.
	file := filepath.Join(state, "remember", "passkeys", "passkey-a.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	older := strings.Replace(string(text), `"value":200`, `"value":150`, 1)
	if older == string(text) {
		t.Fatalf("the counter is not in the file:\n%s", text)
	}
	if err := os.WriteFile(file, []byte(older), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := process("1", state)
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 || !strings.Contains(out, "✗ log in ") {
		t.Errorf("a counter that is behind: got %v\n%s", err, out)
	}
}

// TestPasskeyFaults puts a fault of 5 % in front of the relying party. A login that
// met one has not moved the counter there, and the next one goes on with a larger.
func TestPasskeyFaults(t *testing.T) {
	for fault, want := range map[string][]string{
		"path=/webauthn/login/finish kind=status status=503": {"a used challenge is refused: status_5xx",
			"log in with the new passkey: status_5xx", "log in: status_5xx"},
		"path=/webauthn/register/begin kind=html": {"ask to register: bad_response"},
	} {
		t.Run(strings.Fields(fault)[0], func(t *testing.T) {
			t.Parallel()
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			f := newFront(t, freeAddresses(t, 1)[0], newRelyingParty(t).url, fault+" rate=5%")
			env := []string{"RP_URL=" + f.url, "RP_ORIGIN=" + rpOrigin, "AUTHPROBER_STATE_DIR=" + t.TempDir(), "PASSKEY_A=" + privatePEM(t, key)}
			all := ranWith(t, 200, env, deployed("flows", "passkey.yaml"), deployed("flows", "passkey-accounts.yaml"))
			f.blamed(t, failures(all), want...)
		})
	}
}
