package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// galleryPasswords are those of the accounts of deploy/flows/oidc-accounts.yaml,
// none of which may ever be printed.
var galleryPasswords = []string{
	"OIDC_A_PASSWORD=sentinel-a &<>", "OIDC_B_PASSWORD=sentinel-b \"", "OIDC_C_PASSWORD=sentinel-c é", "OIDC_D_PASSWORD=sentinel-d %41+",
}

// addresses are the variables of the flows that are no secrets.
var addresses = []string{"OIDC_ISSUER", "BANK_URL", "POCKETBASE_URL", "RP_URL", "RP_ORIGIN"}

// environment is what the flows of deploy/flows say that they read, for a
// provider of clients that have a secret or a key.
func (p *provider) environment(t *testing.T) []string {
	t.Helper()
	env := append([]string{
		"OIDC_ISSUER=" + p.Issuer, "OIDC_CLIENT_SECRET=" + p.Secrets["basic"], "CIBA_CLIENT_SECRET=" + p.Secrets["ciba"],
		"FAPI_KEY=" + p.file(t, "ps256.pem"),
	}, galleryPasswords...)
	if strings.HasPrefix(p.URL, "https:") {
		env = append(env, "MTLS_CERTIFICATE="+p.file(t, "mtls.pem"), "MTLS_KEY="+p.file(t, "mtls.key"),
			"SSL_CERT_FILE="+filepath.Join(p.Dir, "ca.pem"))
	}
	return env
}

// file is the text of a file of the provider's folder.
func (p *provider) file(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A ran is a run as `once --json` tells of it.
type ran struct {
	Outcome, Error string
	Steps          []struct {
		Name, Reason, Detail string
		Skipped              bool
		Polls                int
		Took                 float64 `json:"took_seconds"`
	}
}

// ranAll runs a flow of deploy/flows, or one whose path is given, so many times in
// one process, and fails the test if a secret shows.
func ranAll(t *testing.T, n int, env []string, flow string) []ran {
	t.Helper()
	if filepath.Ext(flow) == "" {
		return ranWith(t, n, env, deployed("flows", flow+".yaml"), deployed("flows", "oidc-accounts.yaml"))
	}
	return ranWith(t, n, env, flow, strings.TrimSuffix(flow, ".yaml")+"-accounts.yaml")
}

// ranWith is ranAll with another file of accounts.
func ranWith(t *testing.T, n int, env []string, flow, accounts string) []ran {
	t.Helper()
	var out, said bytes.Buffer
	cmd := exec.Command(authprober(t), "once", "--json", "--runs", strconv.Itoa(n), flow, accounts)
	cmd.Env = append(append(os.Environ(), "AUTHPROBER_ALLOW_ENV="+strings.Join(addresses, ",")), env...)
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() > 1) {
		t.Fatalf("%v\n%s%s", err, said.String(), out.String())
	}
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if !slices.Contains(addresses, name) && name != "SSL_CERT_FILE" && name != "AUTHPROBER_STATE_DIR" && strings.Contains(out.String()+said.String(), value) {
			t.Errorf("the value of %s is in the output", name)
		}
	}
	if strings.Contains(out.String(), "eyJ") { // each JWT begins so
		t.Error("a token is in the output")
	}
	var all []ran
	for d := json.NewDecoder(&out); d.More(); {
		var r ran
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if len(all) != n {
		t.Fatalf("%d runs, want %d:\n%s", len(all), n, said.String())
	}
	return all
}

// failures counts the runs that have not passed, by why they have not.
func failures(all []ran) map[string]int {
	why := map[string]int{}
	for _, r := range all {
		switch r.Outcome {
		case "passed":
		case "failed":
			last := r.Steps[len(r.Steps)-1]
			why[last.Name+": "+last.Reason]++
		default:
			why[r.Outcome+": "+r.Error]++
		}
	}
	return why
}

// passed fails the test unless all runs have passed.
func passed(t *testing.T, all []ran) {
	t.Helper()
	if why := failures(all); len(why) > 0 {
		t.Errorf("of %d runs some have not passed: %v", len(all), why)
		for _, r := range all {
			if r.Outcome != "passed" {
				t.Errorf("the first of them: %+v", r)
				return
			}
		}
	}
}

// times counts the runs in which a step was not skipped.
func times(all []ran, step string) (n int) {
	for _, r := range all {
		for _, s := range r.Steps {
			if s.Name == step && !s.Skipped {
				n++
			}
		}
	}
	return n
}

// TestGallery runs each flow of deploy/flows that an OpenID Provider can serve, as
// it ships, 200 times in a row.
func TestGallery(t *testing.T) {
	plain := newProvider(t, providerOptions{RequireNonce: true, CIBAAfter: time.Nanosecond})
	overTLS := newProvider(t, providerOptions{TLS: true})
	logins := map[string]int{"refresh-chain": 1, "warm-session": 1, "jwks-coherence": 2} // one for each account, not for each run
	for p, flows := range map[*provider][]string{
		plain: {"oidc-login", "fapi2", "refresh-chain", "refresh-reuse", "warm-session", "step-up", "introspect-revoke", "jwks-coherence",
			"device-grant", "ciba", "client-credentials"},
		overTLS: {"mtls", "fapi1", "fapi1-jarm"},
	} {
		for _, flow := range flows {
			t.Run(flow, func(t *testing.T) {
				t.Parallel()
				begun := time.Now()
				all := ranAll(t, 200, p.environment(t), flow)
				t.Logf("200 runs in %v", time.Since(begun).Round(time.Millisecond))
				passed(t, all)
				if want, ok := logins[flow]; ok && times(all, "log in") != want {
					t.Errorf("%d logins, want %d", times(all, "log in"), want)
				}
			})
		}
	}
}

// TestGalleryFaults puts a fault of 5 % in front of the provider, and holds what
// the flow says against what the proxy knows: each run that met one has failed, at
// the step that met it and for the right reason, and no other run.
func TestGalleryFaults(t *testing.T) {
	for _, test := range []struct {
		flow, fault string
		want        []string // step and reason, all of them
	}{
		{"oidc-login", "path=/token kind=status status=503", []string{"tokens: status_5xx"}},
		{"oidc-login", "path=/me kind=status status=500", []string{"userinfo: status_5xx"}},
		{"oidc-login", "path=/interaction/* method=GET kind=html", []string{"consent page: assertion", "login page: assertion"}},
		{"oidc-login", "path=/interaction/* method=POST kind=html", []string{"consent: assertion", "log in: assertion"}},
		{"oidc-login", "path=/auth/* kind=html", []string{"back in the app: missing_value", "consent page: assertion"}},
		{"oidc-login", "path=/jwks kind=html", []string{"keys: bad_response"}},
		{"oidc-login", "path=/.well-known/openid-configuration kind=truncate", []string{"discovery: reset"}},
		{"fapi2", "path=/request kind=status status=503", []string{"push: status_5xx"}},
		{"fapi2", "path=/resource kind=reset", []string{"resource: reset", "without the key it is refused: reset"}},
		{"refresh-chain", "path=/token kind=rate_limit", []string{"first tokens: rate_limited", "refresh: rate_limited"}},
		{"introspect-revoke", "path=/token/revocation kind=status status=503", []string{"revoke the refresh token: status_5xx", "revoke: status_5xx"}},
		{"introspect-revoke", "path=/token/introspection kind=status status=503", []string{"active: status_5xx", "no longer active: status_5xx"}},
		{"device-grant", "path=/token kind=status status=503", []string{"tokens: status_5xx"}},
		{"device-grant", "path=/device/auth kind=status status=500", []string{"ask for a code: status_5xx"}},
		{"ciba", "path=/backchannel kind=status status=503", []string{"ask: status_5xx"}},
		{"client-credentials", "path=/token/introspection kind=truncate", []string{"active: reset"}},
		{"step-up", "path=/transfer kind=status status=503", []string{"it is too weak to pay: status_5xx", "pay: status_5xx"}},
		{"warm-session", "path=/resource kind=status status=503", []string{"resource: status_5xx"}},
		{"refresh-reuse", "path=/token kind=status status=503", []string{"a used token is refused: status_5xx", "refresh: status_5xx",
			"the new token is refused as well: status_5xx", "tokens: status_5xx"}},
		{"jwks-coherence", "path=/jwks kind=html", []string{"all copies are the same: bad_response", "all copies have the key of the token: bad_response"}},
	} {
		t.Run(test.flow+" "+strings.Fields(test.fault)[0], func(t *testing.T) {
			t.Parallel()
			address := freeAddresses(t, 1)[0]
			p := newProvider(t, providerOptions{Issuer: "http://" + address, CIBAAfter: time.Nanosecond})
			f := newFront(t, address, p.URL, test.fault+" rate=5%")
			all := ranAll(t, 240, p.environment(t), test.flow)
			f.blamed(t, failures(all), test.want...)
		})
	}
}
