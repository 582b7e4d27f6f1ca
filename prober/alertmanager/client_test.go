package alertmanager

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authprober/authprober/prober"
)

const secret = "sEnTiNeL-4711"

func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The credentials are those of the files beside the configuration, over TLS whose
// authority is in one of them; and they are not sent where a redirect leads.
func TestClient(t *testing.T) {
	var got http.Header
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/am/api/v2/alerts" {
			got = r.Header
			return
		}
		t.Errorf("%s %s was asked for", r.Method, r.URL.Path)
	}))
	defer server.Close()
	dir := t.TempDir()
	writeFile(t, dir, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	writeFile(t, dir, "password", secret+"\n")
	for name, tt := range map[string]struct{ config, want string }{
		"basic":  {"basic_auth: {username: prober, password_file: password}", "Basic cHJvYmVyOnNFblRpTmVMLTQ3MTE="},
		"bearer": {"authorization: {credentials_file: password}", "Bearer " + secret},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := Client(writeFile(t, dir, name+".yaml", tt.config+"\ntls_config: {ca_file: ca.pem}\nfollow_redirects: true\n"), "authprober/1.2.3")
			if err != nil {
				t.Fatal(err)
			}
			failure, err := poster{client, server.URL + "/am/api/v2/alerts"}.post(t.Context(), []postable{{}})
			if failure != "" || err != nil {
				t.Fatalf("%s: %v", failure, err)
			}
			if got.Get("Authorization") != tt.want || got.Get("User-Agent") != "authprober/1.2.3" || got.Get("Content-Type") != "application/json" {
				t.Errorf("got %v", got)
			}
		})
	}
	plain, err := Client("", "authprober/1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if failure, err := (poster{plain, server.URL + "/am/api/v2/alerts"}).post(t.Context(), nil); failure != prober.NotifyUnreachable || err == nil {
		t.Errorf("an authority that nobody knows: %q, %v", failure, err)
	}
}

// What is exchanged on the disk is used without a restart, and what has gone is said
// without being shown.
func TestCredentialsMayChange(t *testing.T) {
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	defer server.Close()
	dir := t.TempDir()
	password := writeFile(t, dir, "password", "old")
	client, err := Client(writeFile(t, dir, "c.yaml", "authorization: {credentials_file: "+password+"}"), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"old", "new"} {
		writeFile(t, dir, "password", want)
		if failure, err := (poster{client, server.URL}).post(t.Context(), nil); failure != "" || got != "Bearer "+want {
			t.Errorf("%q, %v, %q", failure, err, got)
		}
	}
	if err := os.Remove(password); err != nil {
		t.Fatal(err)
	}
	if failure, err := (poster{client, server.URL}).post(t.Context(), nil); failure != prober.NotifyUnreachable || err == nil {
		t.Errorf("%q, %v", failure, err)
	}
}

func TestClientRefuses(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, dir, "there", secret)
	const files = "want secrets in files of their own: password_file, credentials_file, client_secret_file, key_file"
	const shape = "want the settings of an HTTP client as Prometheus has them, such as basic_auth, authorization and tls_config"
	for config, want := range map[string]string{
		"basic_auth: {username: a, password: " + secret + "}":             files,
		"authorization: {credentials: " + secret + "}":                    files,
		"bearer_token: " + secret:                                         files,
		"http_headers: {X-Key: {secrets: [" + secret + "]}}":              files,
		"basic_auth: {username: a, password_file: nowhere}":               "want a password_file that can be read: no such file or directory",
		"authorization: {credentials_file: nowhere}":                      "want a credentials_file that can be read: no such file or directory",
		"pasword: " + secret:                                              shape,
		secret:                                                            shape,
		"basic_auth: {password_file: there}\nauthorization: {type: none}": shape,
		"tls_config: {ca_file: nowhere}":                                  "want certificates and keys that can be read: no such file or directory",
		"tls_config: {ca_file: there}":                                    "want certificates in PEM with the keys that belong to them, and nothing by reference",
		"tls_config: {cert_file: there, key_file: there}":                 "want certificates in PEM with the keys that belong to them, and nothing by reference",
	} {
		_, err := Client(writeFile(t, dir, "c.yaml", config), "")
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", config, err, want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the secret is in %v", err)
		}
	}
}
