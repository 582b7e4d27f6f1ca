package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// providerOptions say what an OpenID Provider is like; the zero value is one over
// plain HTTP that requires nothing that is optional.
type providerOptions struct {
	Issuer                string        // "" is its own URL; else that of a front
	AccessTTL, RefreshTTL time.Duration // whole seconds; 0 is an hour, and a day
	RequireNonce          bool          // of DPoP proofs (RFC 9449 section 8)
	CIBAAfter             time.Duration // until the customer approves; 0 is a second, less than 1 ms at once
	TLS                   bool          // and the clients mtls and self-signed
}

// A provider is an OpenID Provider of its own: oidc-provider/server.mjs, which
// says what there is. It takes any name with any password. Its clients are
//
//	public, dpop, device             no secret (dpop: its tokens are bound)
//	basic, post, ciba                a secret in Secrets
//	es256, ps256, jar, fapi          private_key_jwt; ps256 and fapi with PS256, the others with ES256
//	mtls, self-signed                over TLS: a certificate, and tokens bound to it
//	fapi1, fapi1-jarm                the same, with signed requests (ps256.pem)
type provider struct {
	URL             string            `json:"url"` // where it listens
	Issuer          string            `json:"issuer"`
	WebRedirect     string            `json:"web_redirect_uri"`     // of the clients that have a secret or a key
	NativeRedirects []string          `json:"native_redirect_uris"` // of public and dpop
	Secrets         map[string]string `json:"secrets"`              // by client
	KeyIDs          map[string]string `json:"keys"`                 // of es256 and ps256

	// Dir has the private keys es256.pem and ps256.pem (PKCS #8), the same as
	// es256.jwk.json and ps256.jwk.json, and over TLS the certificates: ca.pem, which
	// vouches for the server and for mtls.pem, and self-signed.pem; their keys are
	// mtls.key and self-signed.key.
	Dir string `json:"-"`
}

// newProvider starts a provider for the length of the test.
func newProvider(t *testing.T, o providerOptions) *provider {
	t.Helper()
	p := &provider{Dir: t.TempDir()}
	env := []string{"OIDC_PORT=0", "OIDC_DIR=" + p.Dir, "OIDC_ISSUER=" + o.Issuer}
	for name, d := range map[string]time.Duration{"OIDC_ACCESS_TTL": o.AccessTTL, "OIDC_REFRESH_TTL": o.RefreshTTL} {
		if d != 0 {
			env = append(env, fmt.Sprintf("%s=%d", name, d/time.Second))
		}
	}
	if o.RequireNonce {
		env = append(env, "OIDC_DPOP_NONCE=1")
	}
	if o.CIBAAfter != 0 {
		env = append(env, "OIDC_CIBA_MS="+strconv.FormatInt(o.CIBAAfter.Milliseconds(), 10))
	}
	if o.TLS {
		makeCertificates(t, p.Dir)
		for name, file := range map[string]string{
			"OIDC_TLS_CERT": "server.pem", "OIDC_TLS_KEY": "server.key", "OIDC_CLIENT_CA": "ca.pem", "OIDC_CLIENT_CERT": "self-signed.pem",
		} {
			env = append(env, name+"="+filepath.Join(p.Dir, file))
		}
	}
	process := start(t, env, installed(t, "nodejs", "node"), must(t, oidcProvider))
	line := process.says(t, `{"url":`)
	if err := json.Unmarshal([]byte(line), p); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return p
}

// says waits for a line that begins so and returns it.
func (p *process) says(t *testing.T, begin string) (line string) {
	t.Helper()
	eventually(t, 30*time.Second, p.name+" to say "+begin, func() error {
		for said := range strings.Lines(p.log.String()) {
			if strings.HasPrefix(said, begin) && strings.HasSuffix(said, "\n") {
				line = said
				return nil
			}
		}
		select {
		case <-p.done:
			t.Fatalf("%s ended early: %v\n%s", p.name, p.err, p.log)
		default:
		}
		return fmt.Errorf("it has said %q", p.log)
	})
	return line
}

// oidcProvider installs the provider's packages beside a copy of it, once, and
// returns the path of the copy.
var oidcProvider = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(built.dir, "oidc-provider")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	for _, name := range []string{".npmrc", "package.json", "package-lock.json", "server.mjs", "resources.mjs"} {
		text, err := os.ReadFile(filepath.Join("oidc-provider", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			return "", err
		}
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("no npm here; on Debian: apt-get install npm: %w", err)
	}
	cmd := exec.Command(npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return filepath.Join(dir, "server.mjs"), nil
})
