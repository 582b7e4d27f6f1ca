package checks

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
)

// An authority signs certificates of clients.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	text, key := a.issue("authority", time.Now().Add(time.Hour))
	block, _ := pem.Decode([]byte(text))
	var err error
	if a.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
		t.Fatal(err)
	}
	pair, _ := pem.Decode([]byte(key))
	if a.key, err = x509.ParseECPrivateKey(pair.Bytes); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue makes a certificate and its key, in PEM; the first one is the authority's own.
func (a *authority) issue(name string, until time.Time) (certificate, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true, IsCA: a.cert == nil,
	}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = template, private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &private.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}))
}

// serve starts a server that wants a certificate of the authority; ca is the file
// with its own.
func (a *authority) serve(version uint16, handler http.Handler) (server *httptest.Server, ca string) {
	server = httptest.NewUnstartedServer(handler)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MaxVersion: version}
	server.StartTLS()
	a.t.Cleanup(server.Close)
	ca = filepath.Join(a.t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return server, ca
}

func TestClientCertificate(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	until := time.Now().Add(30 * time.Minute).Truncate(time.Second)
	env := map[string]string{}
	put := func(name string, from *authority, until time.Time) {
		env[name+"_CERT"], env[name+"_KEY"] = from.issue(name, until)
	}
	put("GOOD", a, until)
	put("STRANGE", stranger, until)
	put("OLD", a, time.Now().Add(-24*time.Hour))
	options := Options{LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server, ca := a.serve(version, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Client", r.TLS.PeerCertificates[0].Subject.CommonName)
		}))
		flow := oneStep(server.URL, "request: GET /\nexpect: [status == 200, 'header[\"X-Client\"] == \"GOOD\"']")
		for name, tt := range map[string]struct {
			settings string
			passes   bool
			warns    bool
		}{
			"of the flow":    {"tls: {ca: CA, certificate: '${{ secrets.cert }}', key: '${{ secrets.key }}'}\nsecrets: {cert: {env: GOOD_CERT}, key: {env: GOOD_KEY}}\n", true, false},
			"of the account": {"tls: {ca: CA, certificate: '${{ account.cert }}', key: '${{ account.key }}'}\naccounts: p\n", true, false},
			"none":           {"tls: {ca: CA}\n", false, false},
			"of a stranger":  {"tls: {ca: CA, certificate: '${{ secrets.cert }}', key: '${{ secrets.key }}'}\nsecrets: {cert: {env: STRANGE_CERT}, key: {env: STRANGE_KEY}}\n", false, false},
			"expired":        {"tls: {ca: CA, certificate: '${{ secrets.cert }}', key: '${{ secrets.key }}'}\nsecrets: {cert: {env: OLD_CERT}, key: {env: OLD_KEY}}\n", false, true},
		} {
			c, err := writeFlows(t, options, map[string]string{
				"flow.yaml":     flow + strings.ReplaceAll(tt.settings, "CA,", ca+","),
				"accounts.yaml": "pools: {p: {accounts: [{name: a, cert: {env: GOOD_CERT}, key: {env: GOOD_KEY}}]}}",
			})
			if name == "none" {
				c, err = writeFlows(t, options, map[string]string{"flow.yaml": flow + "tls: {ca: " + ca + "}\n"})
			}
			if err != nil {
				t.Fatal(err)
			}
			if warned := len(c.Warnings) == 1 && strings.Contains(c.Warnings[0].Message, "the client certificate has expired on "); warned != tt.warns {
				t.Errorf("%s: got the warnings %v", name, c.Warnings)
			}
			r := probeOnce(t, c)
			switch {
			case r.Err != nil:
				t.Errorf("%s: an error of ours: %v", name, r.Err)
			case tt.passes && (r.Outcome() != prober.Passed || !r.CertificateExpiry.Equal(until)):
				t.Errorf("%s: got %s, %+v, and the end of validity %s, want %s", name, r.Outcome(), r.Steps, r.CertificateExpiry, until)
			case !tt.passes && version == tls.VersionTLS12 && r.Steps[0].Reason != prober.ReasonTLS:
				t.Errorf("%s: got %q: %s, want tls", name, r.Steps[0].Reason, r.Steps[0].Detail)
			case !tt.passes && !slices.Contains([]prober.Reason{prober.ReasonTLS, prober.ReasonReset}, r.Steps[0].Reason): // the alert may be overtaken by the close
				t.Errorf("%s: got %q: %s, want tls", name, r.Steps[0].Reason, r.Steps[0].Detail)
			}
		}
	}
}

// A certificate with the key of another is a mistake, and so is one of an account.
func TestWrongKeyOfCertificate(t *testing.T) {
	a := newAuthority(t)
	cert, _ := a.issue("a", time.Now().Add(time.Hour))
	_, other := a.issue("b", time.Now().Add(time.Hour))
	options := Options{LookupEnv: func(name string) (string, bool) { return map[string]string{"CERT": cert, "KEY": other}[name], true }}
	const problem = "the client certificate and its key are no PEM of a chain and of the key of its first certificate"
	for settings, want := range map[string]string{
		"secrets: {c: {env: CERT}, k: {env: KEY}}\ntls: {certificate: '${{ secrets.c }}', key: '${{ secrets.k }}'}\n": "flow.yaml:5:20: " + problem,
		"accounts: p\ntls: {certificate: '${{ account.c }}', key: '${{ account.k }}'}\n":                              "flow.yaml:5:20: the account x: " + problem,
	} {
		_, err := writeFlows(t, options, map[string]string{
			"flow.yaml": flowNamed("x") + settings, "accounts.yaml": "pools: {p: {accounts: [{name: x, c: {env: CERT}, k: {env: KEY}}]}}",
		})
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}

// A client with a certificate goes to the endpoints that are for those.
func TestMutualTLSAliases(t *testing.T) {
	authority := newAuthority(t)
	a := newAuthServer(t, "")
	server, ca := authority.serve(tls.VersionTLS12, a)
	a.issuer = server.URL
	env := map[string]string{}
	env["CERT"], env["KEY"] = authority.issue("client", time.Now().Add(time.Hour))
	options := Options{LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	r := probeOnce(t, mustLoad(t, options, `
name: x
target: `+server.URL+`
secrets: {cert: {env: CERT}, key: {env: KEY}}
tls: {ca: `+ca+`, certificate: "${{ secrets.cert }}", key: "${{ secrets.key }}"}
clients: {app: {client_id: app, auth: {method: tls_client_auth}}}
steps:
  - {name: discovery, discovery: openid-configuration}
  - {name: token, token: client_credentials, capture: {access: body.access_token}}
  - {name: ask, introspect: "${{ access }}"}
`))
	failed(t, r, "", "", "")
	if want := []string{"GET /.well-known/openid-configuration", "POST /mtls/token", "POST /introspect"}; !slices.Equal(a.lines, want) {
		t.Errorf("the server saw %v, want %v", a.lines, want)
	}
}
