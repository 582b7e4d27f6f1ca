package checks

import (
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/authprober/authprober/prober"
)

// The mail server is spoken to over TLS, from the beginning or after STARTTLS; its
// certificate is verified for its own name, and one that is not right is our error.
func TestMailTLS(t *testing.T) {
	bank := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer bank.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: bank.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, scheme, host, want string
	}{
		{"TLS", "imaps", "127.0.0.1", ""},
		{"STARTTLS", "imap", "127.0.0.1", ""},
		{"TLS, wrong name", "imaps", "localhost", "certificate is valid for example.com, *.example.com, not localhost"},
		{"STARTTLS, wrong name", "imap", "localhost", "certificate is valid for example.com, *.example.com, not localhost"},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := &tls.Config{Certificates: bank.TLS.Certificates}
			user := imapmemserver.NewUser(mailUser, mailPassword)
			server := newMailServer(t, user, func() {}, &imapserver.Options{TLSConfig: config})
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			_, port, _ := net.SplitHostPort(l.Addr().String())
			if test.scheme == "imaps" {
				l = tls.NewListener(l, config)
			}
			var serving sync.WaitGroup
			serving.Go(func() { _ = server.Serve(l) })
			defer serving.Wait()
			defer l.Close()
			deliver(t, user, goodLetter, time.Now())
			flow := strings.Replace(mailFlow(), "    plaintext: true\n", "", 1)
			flow = strings.Replace(flow, "imap://192.0.2.2", test.scheme+"://"+test.host+":"+port, 1)
			flow = strings.Replace(flow, "target: http://192.0.2.1", "target: "+bank.URL+"\ntls: {ca: "+ca+", server_name: example.com}", 1)
			r := probeOnce(t, mustLoad(t, Options{LookupEnv: func(string) (string, bool) { return mailPassword, true }}, flow))
			if test.want == "" {
				checkAt(t, r, "", "")
				return
			}
			if r.Outcome() != prober.Errored || !strings.Contains(r.Err.Error(), test.want) {
				t.Errorf("got %s, %v, want an error of ours: %s", r.Outcome(), r.Err, test.want)
			}
		})
	}
}
