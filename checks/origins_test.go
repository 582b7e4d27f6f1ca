package checks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/prober"
)

// A target cannot send a run elsewhere: not by a redirect, a form, its metadata or a
// value that is captured. Where the flow names the other origin, it can.
func TestForeignOrigins(t *testing.T) {
	var there atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		there.Add(1)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"keys": [], "access_token": "t", "token_type": "Bearer"}`)
	}))
	defer other.Close()
	var target *httptest.Server
	target = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, other.URL+"/secret-path", http.StatusFound)
		case "/page":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<form method=post action="%s/form"></form>`, other.URL)
		case "/.well-known/openid-configuration":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"issuer": "%s", "token_endpoint": "%s/token", "jwks_uri": "%s/keys"}`, target.URL, other.URL, other.URL)
		default:
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"next": "%s/next", "host": "%s"}`, other.URL, strings.TrimPrefix(other.URL, "http://"))
		}
	}))
	defer target.Close()
	const client = "clients: {app: {client_id: x}}\n"
	const discovery = "  - {name: metadata, discovery: openid-configuration, client: app}\n"
	for name, tc := range map[string]struct{ top, steps, detail string }{
		"followed by a request": {"", "  - {name: a, request: GET /redirect, follow_redirects: 3, expect: [status == 200]}\n",
			"following redirects: one goes to an origin that the flow does not name; nothing was sent there"},
		"followed by a step":          {"", "  - {name: r, request: GET /redirect, expect: [status == 302]}\n  - {name: a, follow: location, expect: [status == 200]}\n", ""},
		"followed until":              {"", "  - {name: r, request: GET /redirect, expect: [status == 302]}\n  - {name: a, follow: {until: status == 200}, expect: [status == 200]}\n", ""},
		"a form":                      {"", "  - {name: p, request: GET /page, expect: [status == 200]}\n  - {name: a, submit: first, expect: [status == 200]}\n", ""},
		"a captured URL":              {"", "  - {name: c, request: GET /c, expect: [status == 200], capture: {next: body.next}}\n  - {name: a, request: 'GET ${{ next }}', expect: [status == 200]}\n", ""},
		"a captured host":             {"", "  - {name: c, request: GET /c, expect: [status == 200], capture: {host: body.host}}\n  - {name: a, request: 'GET http://${{ host }}/x', expect: [status == 200]}\n", ""},
		"an endpoint":                 {client, discovery + "  - {name: a, token: client_credentials, client: app}\n", ""},
		"where metadata has the keys": {client, discovery + "  - {name: a, jwks: jwks_uri, client: app, expect: [status == 200]}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			flow := "name: x\ntarget: " + target.URL + "\n" + tc.top + "steps:\n" + tc.steps
			before := there.Load()
			r := probeOnce(t, mustLoad(t, Options{}, flow))
			want := tc.detail
			if want == "" {
				want = "the target sends the run to an origin that the flow does not name; nothing was sent there"
			}
			if f := r.Steps[len(r.Steps)-1]; f.Name != "a" || f.Reason != prober.ReasonForeignOrigin || f.Detail != want || r.Err != nil {
				t.Errorf("got %+v, %v", f, r.Err)
			}
			if there.Load() != before {
				t.Error("something was sent there")
			}
			r = probeOnce(t, mustLoad(t, Options{}, "origins: ["+other.URL+"/path]\n"+flow))
			if f := r.Steps[len(r.Steps)-1]; f.Reason == prober.ReasonForeignOrigin || there.Load() == before {
				t.Errorf("where the origin is named: got %+v", f)
			}
		})
	}
}

// What a flow says itself is held to its origins at load.
func TestOriginsAtLoad(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"SMS": "https://sms.example/v1", "EVIL": "http://169.254.169.254", "PATH_": "a"}[name]
		return v, ok
	}
	const another = "the request goes to another origin than the target's; want it in origins: "
	for step, want := range map[string]string{
		"request: GET /a":                                                      "",
		"request: GET https://bank.example/a":                                  "",
		"request: GET https://BANK.example:443/a":                              "",
		"request: GET http://bank.example/a":                                   another + "[http://bank.example]",
		"request: GET https://bank.example:8443/a":                             another + "[https://bank.example:8443]",
		"request: GET https://bank.example.evil.example/a":                     another + "[https://bank.example.evil.example]",
		"request: GET https://bank.example@evil.example/a":                     another + "[https://evil.example]",
		"request: 'GET https://evil.example/${{ env.PATH_ }}'":                 another + "[https://evil.example]",
		"request: 'GET ${{ env.EVIL }}/latest/meta-data'":                      another + "[http://169.254.169.254]",
		"request: 'GET ${{ env.EVIL }}/${{ uuid() }}'":                         another + "[http://169.254.169.254]",
		"request: 'GET ${{ env.SMS }}/messages'":                               "",
		"request: GET https://login.bank.example":                              "",
		"jwks: https://evil.example/keys, client: app":                         another + "[https://evil.example]",
		"jwks: https://id.example/keys, client: app":                           "", // its issuer
		"jwks: https://keys.example/keys, client: app":                         "", // one of its endpoints
		"mail: 'imaps://${{ env.PATH_ }}.example', username: a, password: b":   "",
		"let: {h: uuid()}, mail: 'imaps://${{ h }}', username: a, password: b": "the mail server is the flow's own; want one that env, a secret or the account says, and nothing that a run has found",
	} {
		kind := "expect: [status == 200], "
		if strings.Contains(step, "mail:") {
			kind = "expect: ['text != \"\"'], "
		}
		_, err := writeFlows(t, Options{LookupEnv: env, AllowEnv: []string{"SMS", "EVIL", "PATH_"}}, map[string]string{"flow.yaml": `
name: x
target: https://bank.example
origins: ["${{ env.SMS }}", "https://login.bank.example"]
schedule: {every: 1m, timeout: 50s}
clients: {app: {client_id: a, issuer: https://id.example, endpoints: {token_endpoint: https://keys.example/token}}}
steps:
  - {name: a, ` + kind + step + "}\n"})
		got := ""
		if err != nil {
			got = err.Error()
			got = got[strings.Index(got, ": ")+2:]
		}
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", step, got, want)
		}
	}
	_, err := writeFlows(t, Options{}, map[string]string{"flow.yaml": "name: x\ntarget: https://bank.example\norigins: [login.bank.example, 'ftp://x', 'https://u:p@x']\nsteps: [{name: a, request: GET /, expect: [status == 200]}]\n"})
	if n := strings.Count(fmt.Sprint(err), "this is no origin; want a scheme and a host, and a port where it has one, such as https://login.bank.example"); n != 3 {
		t.Errorf("got %v, want 3 mistakes", err)
	}
}

// A name that resolves to the link or to a cloud's metadata is not gone to; an address
// that the flow itself says is.
func TestForbiddenAddresses(t *testing.T) {
	var dialled []string
	for _, address := range []string{
		"169.254.169.254", "169.254.1.1", "fe80::1", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "224.0.0.1", "0.0.0.0", "::", "::ffff:169.254.169.254",
		"192.0.2.1", "10.0.0.1", "127.0.0.1",
	} {
		c := mustLoad(t, Options{
			Resolve: func(context.Context, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr(address)}, nil
			},
			Dial: refusing(&dialled),
		}, "name: x\ntarget: http://bank.example\nsteps: [{name: a, request: GET /, expect: [status == 200]}]\n")
		r := probeOnce(t, c)
		if got := r.Steps[0]; len(dialled) == 0 && (got.Reason != prober.ReasonDNS || !strings.HasPrefix(got.Detail, "resolving the name: the name resolves to an address of this machine's own network or of its cloud's metadata")) {
			t.Errorf("%s: got %+v", address, got)
		}
	}
	if diff := cmp.Diff([]string{"192.0.2.1:80", "10.0.0.1:80", "127.0.0.1:80"}, dialled); diff != "" {
		t.Errorf("dialled (-want +got):\n%s", diff)
	}
	dialled = nil
	probeOnce(t, mustLoad(t, Options{Dial: refusing(&dialled)}, "name: x\ntarget: http://169.254.1.1\nsteps: [{name: a, request: GET /, expect: [status == 200]}]\n"))
	if diff := cmp.Diff([]string{"169.254.1.1:80"}, dialled); diff != "" {
		t.Errorf("an address of the flow's own (-want +got):\n%s", diff)
	}
}

// refusing notes where it is to connect to, and does not.
func refusing(dialled *[]string) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, _, address string) (net.Conn, error) {
		*dialled = append(*dialled, address)
		return nil, errors.New("connection refused")
	}
}
