package alertmanager

import (
	"bufio"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/authprober/authprober/prober"
)

// quotedText stands in fuzzed input where nothing may repeat it.
const quotedText = "qX7vZk93"

// A wire answers each request with the bytes of one answer.
type wire string

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	return http.ReadResponse(bufio.NewReader(strings.NewReader(string(w))), r)
}

// FuzzAnswer has any bytes come back from an Alertmanager: alerts have arrived where that is an
// answer of class 2xx and no page, or else there is a reason of the list; and what is logged
// repeats nothing of the answer.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 " + quotedText + "\r\nX: " + quotedText + "\r\n\r\n" + quotedText,
		"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>" + quotedText, "HTTP/1.1 200 OK\r\nContent-Type: TEXT/HTML ; charset=utf-8\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: /" + quotedText + "\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n\"" + quotedText + "\"", "HTTP/1.1 503\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 999 x\r\n\r\n", "HTTP/1.1 000 x\r\n\r\n",
		"", quotedText, "HTTP/1.1 " + quotedText + "\r\n\r\n", "HTTP/1.1 200 OK\r\n" + quotedText + "\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + quotedText, "HTTP/1.1 200 OK\r\nContent-Length: " + quotedText + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + quotedText + "\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		p := poster{&http.Client{Transport: wire(answer)}, "http://alertmanager.example/api/v2/alerts"}
		p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		failure, err := p.post(t.Context(), []postable{{}})
		resp, bad := wire(answer).RoundTrip(nil)
		taken := bad == nil && resp.StatusCode/100 == 2
		if taken {
			kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
			taken = err != nil || kind != "text/html"
		}
		switch {
		case (failure == "") != (err == nil):
			t.Fatalf("the failure %q with the error %v", failure, err)
		case failure == "" && !taken:
			t.Fatalf("it passes for an answer: %q", answer)
		case failure != "" && !slices.Contains(prober.NotifyFailures, failure):
			t.Fatalf("%q is none of the failures", failure)
		case err != nil && strings.Contains(err.Error(), quotedText):
			t.Fatalf("it repeats the answer: %v", err)
		}
	})
}

// FuzzClientConfig reads any file as the settings of a client: it ends with a client or with an
// error that repeats nothing of the file.
func FuzzClientConfig(f *testing.F) {
	for _, s := range []string{
		"", "{}", "basic_auth: {username: a, password_file: " + quotedText + "}", "basic_auth: {username: a, password: " + quotedText + "}",
		"authorization: {type: " + quotedText + ", credentials_file: b}", "authorization: {credentials: " + quotedText + "}", quotedText, quotedText + ": 1", "- " + quotedText,
		"oauth2: {client_id: a, client_secret_file: b, token_url: " + quotedText + "}", "oauth2: {client_id: a, client_secret: " + quotedText + ", token_url: https://a/}",
		"tls_config: {ca_file: " + quotedText + ".pem}", "tls_config: {ca: " + quotedText + "}", "tls_config: {min_version: " + quotedText + "}", "tls_config: {cert: a, key: " + quotedText + "}",
		"proxy_url: \"http://a:" + quotedText + "@b\"", "proxy_url: \"%" + quotedText + "\"", "http_headers: {X: {secrets: [" + quotedText + "]}}", "http_headers: {X: {files: [" + quotedText + "]}}",
		"bearer_token: " + quotedText, "bearer_token_file: " + quotedText, "basic_auth: &a {username_ref: " + quotedText + "}\nx: *a", "a: &a [*a]", "\"" + quotedText, "follow_redirects: " + quotedText,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "/dev/") || strings.Contains(text, "/proc/") {
			return // whoever names a file without end gets it
		}
		path := filepath.Join(t.TempDir(), "client.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		client, err := Client(path, "authprober/1.2.3")
		switch {
		case (client == nil) == (err == nil):
			t.Fatalf("%v with the error %v", client, err)
		case err != nil && strings.Contains(err.Error(), quotedText):
			t.Fatalf("it repeats the file: %v", err)
		}
		if client != nil {
			client.CloseIdleConnections()
		}
	})
}
