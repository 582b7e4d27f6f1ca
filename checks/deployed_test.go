package checks

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestUntriedFlows wants the flows that were never run to be without a mistake or a
// warning, with no more of an environment than what the comments of their folder tell.
func TestUntriedFlows(t *testing.T) {
	for _, dir := range []string{"../deploy/flows-untried"} {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			env, flows := documented(t, dir)
			asked := map[string]bool{}
			c, err := Load([]string{dir}, Options{
				AnyPace: true, AllowEnv: strings.Split(env["AUTHPROBER_ALLOW_ENV"], ","),
				LookupEnv: func(name string) (string, bool) {
					asked[name] = true
					v, ok := env[name]
					return v, ok
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Checks) != flows || flows == 0 {
				t.Errorf("%s has %d files with steps, and %d flows were loaded: %s", dir, flows, len(c.Checks), names(c))
			}
			for _, w := range c.Warnings {
				t.Error(w)
			}
			for name := range env {
				if !asked[name] && !strings.HasPrefix(name, "AUTHPROBER_") {
					t.Errorf("%s is documented in %s, and no flow reads it", name, dir)
				}
			}
		})
	}
}

var (
	exported   = regexp.MustCompile(`([A-Z][A-Z0-9_]*)=("\$\(cat [^)]*\)"|\S+)`)
	referredTo = regexp.MustCompile(`\{env: ([A-Z][A-Z0-9_]*)\}`)
)

// documented reads the environment out of the comments of a folder's files, and counts
// its flows. What is to be filled in gets a value that fits its name. Files of accounts
// are their own documentation.
func documented(t *testing.T, dir string) (env map[string]string, flows int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no flow in %s: %v", dir, err)
	}
	certificate, key := testCertificate(t)
	env, allowed := map[string]string{}, map[string]bool{}
	set := func(name, value string) {
		switch {
		case name == "AUTHPROBER_ALLOW_ENV":
			for one := range strings.SplitSeq(value, ",") {
				allowed[one] = true
			}
		case strings.Contains(name, "CERTIFICATE"):
			env[name] = certificate
		case strings.Contains(value, "$(cat "):
			env[name] = key
		case strings.HasSuffix(name, "TOTP") || strings.HasSuffix(name, "HOTP"):
			env[name] = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
		case value == "…":
			env[name] = "of-ours"
		default:
			env[name] = value
		}
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nsteps:\n") {
			flows++
		}
		for line := range strings.Lines(string(text)) {
			if assigned, ok := strings.CutPrefix(line, "#   export "); ok {
				for _, found := range exported.FindAllStringSubmatch(assigned, -1) {
					set(found[1], found[2])
				}
			}
			if found := referredTo.FindStringSubmatch(line); found != nil && strings.Contains(string(text), "\npools:\n") {
				set(found[1], "…")
			}
		}
	}
	env["AUTHPROBER_ALLOW_ENV"] = strings.Join(slices.Sorted(maps.Keys(allowed)), ",")
	return env, flows
}

// testCertificate makes a certificate and its RSA key, both in PEM.
func testCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotAfter: time.Now().Add(time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, of, of, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}
