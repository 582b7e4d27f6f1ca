package checks

import (
	"crypto/tls"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(name: .*?)```")

// The flows of docs/oauth.md are whole, and pass. Those that remember something are run
// twice.
func TestOAuthDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/oauth.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 6 {
		t.Fatalf("got %d flows, want 6", len(blocks))
	}
	for _, b := range blocks {
		flow := b[1]
		t.Run(strings.TrimPrefix(strings.Split(flow, "\n")[0], "name: "), func(t *testing.T) {
			t.Parallel()
			a := newAuthServer(t, "")
			a.page = strings.Contains(flow, "submit:")
			server := httptest.NewUnstartedServer(a)
			server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
			server.StartTLS()
			defer server.Close()
			a.issuer = server.URL
			runDocumented(t, server, strings.ReplaceAll(flow, "https://id.bank.example", server.URL))
		})
	}
}

func runDocumented(t *testing.T, server *httptest.Server, flow string) {
	certificate, key := newAuthority(t).issue("client", time.Now().Add(time.Hour))
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	dir := write(t, map[string]string{
		"ca.pem": string(ca), "client-key.pem": testKeys()["client ES256"], "certificate.pem": certificate, "certificate-key.pem": key,
		"accounts.yaml": "pools: {retail: {accounts: [{name: a, username: probe}]}}",
	})
	switch trust := "tls: {ca: " + filepath.Join(dir, "ca.pem"); strings.Contains(flow, "tls: {") {
	case true:
		flow = strings.Replace(flow, "tls: {", trust+", ", 1)
	case false:
		flow += trust + "}\n"
	}
	flow = strings.ReplaceAll(flow, "every: 1s, for", "every: 100ms, for") // the server answers at the third poll
	if err := os.WriteFile(filepath.Join(dir, "flow.yaml"), []byte(flow), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load([]string{dir}, Options{LookupEnv: func(string) (string, bool) { return appSecret, true }})
	if err != nil {
		t.Fatal(err)
	}
	failed(t, probeOnce(t, c), "", "", "")
	if strings.Contains(flow, "remember:") {
		r := probeOnce(t, c)
		failed(t, r, "", "", "")
		if last := r.Steps[len(r.Steps)-1]; last.Skipped {
			t.Errorf("nothing was remembered: %+v", r.Steps)
		}
	}
}
