package checks

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/internal/functions"
	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/prober"
)

// A key of the wrong kind is a mistake of the file, where the call is, and says whose
// it is and never what it is.
func TestKeysOfTheWrongKind(t *testing.T) {
	p384, err := jose.GenerateKey("ES384")
	if err != nil {
		t.Fatal(err)
	}
	const wrong = "the key for ES256 is an EC key on P-384, want an EC key on P-256"
	tests := []struct{ name, call, want string }{
		{"sign", `hex(sign("x", secrets.key, "ES256"))`, "sign: " + wrong},
		{"DER", `hex(sign("x", secrets.key, "ES256-DER"))`, "sign: " + wrong},
		{"jwt_sign", `jwt_sign({"a": status}, secrets.key, "ES256")`, "jwt_sign: " + wrong},
		{"passkey", `passkey_create(body, "https://bank.example", secrets.key).id`, "passkey_create: the key of the passkey: want one on P-256"},
		{"right", `hex(sign("x", secrets.key, "ES384"))`, ""},
		{"known to the run alone", `hex(sign("x", secrets.key, text))`, ""},
	}
	lookup := func(string) (string, bool) { return p384, true }
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			flow := "name: x\ntarget: http://192.0.2.1\nsecrets: {key: {env: KEY}}\nsteps:\n- name: a\n  request: GET /\n  expect:\n  - '" + tt.call + " != \"\"'\n  - status == 200\n"
			_, err := writeFlows(t, Options{LookupEnv: lookup}, map[string]string{"flow.yaml": flow})
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), ":8:") || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %s in line 8", err, tt.want)
			case err != nil && strings.Contains(err.Error(), "PRIVATE"):
				t.Errorf("the key is told: %v", err)
			}
		})
	}
}

// A key that the run makes wrong is ours; what the target has sent wrong is its own,
// be it the options of a passkey or a secret that it hands out.
func TestWhoseArgument(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"options": {}, "secret": "1", "secrets": ["1"]}`))
	}))
	defer server.Close()
	const (
		ours = "let: {key: 'new_key(\"ES384\")', origin: '\"http://\" + check'}\n"
		good = "let: {key: 'new_key(\"ES256\")'}\n"
	)
	tests := []struct {
		name, step string
		outcome    prober.Outcome
	}{
		{"key in a capture", ours + `capture: {c: 'passkey_create(body.options, "https://bank.example", key)'}`, prober.Errored},
		{"origin in a capture", ours + `capture: {c: 'passkey_create(body.options, origin, key)'}`, prober.Errored},
		{"key in an expectation", ours + `expect: ['hex(sign(text, key, "ES256")) != ""']`, prober.Errored},
		{"options", good + `capture: {c: 'passkey_create(body.options, "https://bank.example", key)'}`, prober.Failed},
		{"a secret of the answer", `expect: ['totp(body.secret) != ""']`, prober.Failed},
		{"secrets of the answer", `expect: ['all(body.secrets, totp(#) != "")']`, prober.Failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			step := "request: GET /\n" + tt.step
			if !strings.Contains(step, "expect:") {
				step += "\nexpect: [status == 200]"
			}
			r := probeOnce(t, mustLoad(t, Options{}, oneStep(server.URL, step)))
			if r.Outcome() != tt.outcome {
				t.Fatalf("got %s (%v, %+v), want %s", r.Outcome(), r.Err, r.Steps, tt.outcome)
			}
			if tt.outcome == prober.Failed {
				if got := r.Steps[0].Reason; got != prober.ReasonBadResponse {
					t.Errorf("got %s, want %s", got, prober.ReasonBadResponse)
				}
			}
		})
	}
}

// Whatever is tried at load is an error of its own in the run too.
func TestTriedHelpers(t *testing.T) {
	for _, h := range helpers {
		for at := range 6 {
			args := make([]any, 6)
			args[at] = "nonsense" + strconv.Itoa(at)
			err := h.Try(args)
			if wrong, ok := err.(*functions.ArgumentError); err != nil && (!ok || wrong.Func != h.Name || wrong.Arg != at) {
				t.Errorf("%s of argument %d: got %v", h.Name, at, err)
			}
		}
	}
}
