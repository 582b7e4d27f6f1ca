package e2e

import (
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// wilson is the interval of a share, z standard deviations to each side.
func wilson(k, n int, z float64) (lower, upper float64) {
	p, m := float64(k)/float64(n), float64(n)
	middle, half := p+z*z/(2*m), z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return (middle - half) / (1 + z*z/m), (middle + half) / (1 + z*z/m)
}

// A balancer hands requests on to its replicas in turn.
type balancer struct {
	replicas []http.Handler
	using    atomic.Int64 // how many of them, from the first on
	turn     atomic.Int64
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.replicas[b.turn.Add(1)%b.using.Load()].ServeHTTP(w, r)
}

// newBalancer starts a balancer and as many providers behind it, each with keys of
// its own, of which it uses the first alone.
func newBalancer(t *testing.T, n int) (*balancer, []*provider) {
	t.Helper()
	address := freeAddresses(t, 1)[0]
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{}
	b.using.Store(1)
	var providers []*provider
	for range n {
		p := newProvider(t, providerOptions{Issuer: "http://" + address})
		to, err := url.Parse(p.URL)
		if err != nil {
			t.Fatal(err)
		}
		b.replicas = append(b.replicas, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
		}})
		providers = append(providers, p)
	}
	server := httptest.NewUnstartedServer(b)
	_ = server.Listener.Close() // in whose place comes the one that is the issuer
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	return b, providers
}

// TestStaleKeys adds a replica with other keys while a token of the first is in
// use. That is seen in each run, and not in a single one before.
func TestStaleKeys(t *testing.T) {
	t.Parallel()
	b, providers := newBalancer(t, 2)
	env := append(providers[0].environment(t), "AUTHPROBER_STATE_DIR="+t.TempDir())
	all := ranAll(t, 10, env, "jwks-coherence")
	passed(t, all)
	if times(all, "log in") != 2 {
		t.Errorf("%d logins of 2 accounts", times(all, "log in"))
	}
	b.using.Store(2)
	all = ranAll(t, 10, env, "jwks-coherence")
	if why := failures(all); why["all copies are the same: assertion"] != 10 {
		t.Errorf("with a replica of other keys: %v", why)
	}
	b.using.Store(1)
	all = ranAll(t, 10, env, "jwks-coherence")
	passed(t, all)
	if times(all, "log in") != 0 {
		t.Errorf("%d logins, want the tokens of the process before", times(all, "log in"))
	}
}

// TestRefreshChainLasts sees to it that the chain goes on from process to process.
func TestRefreshChainLasts(t *testing.T) {
	t.Parallel()
	p := newProvider(t, providerOptions{})
	env := append(p.environment(t), "AUTHPROBER_STATE_DIR="+t.TempDir())
	for i, logins := range []int{1, 0, 0} {
		all := ranAll(t, 4, env, "refresh-chain")
		passed(t, all)
		if got := times(all, "log in"); got != logins {
			t.Errorf("process %d: %d logins, want %d", i+1, got, logins)
		}
	}
}

// TestBackchannelPolls lets the customer take a second: the flow asks again, no
// sooner than the server allows, and neither counts as a failure.
func TestBackchannelPolls(t *testing.T) {
	t.Parallel()
	p := newProvider(t, providerOptions{CIBAAfter: time.Second})
	all := ranAll(t, 2, p.environment(t), "ciba")
	passed(t, all)
	for _, r := range all {
		if s := r.Steps[3]; s.Name != "tokens" || s.Polls != 2 || s.Took < 5 {
			t.Errorf("the step %q has polled %d times in %.1f s, want 2 times, 5 s apart", s.Name, s.Polls, s.Took)
		}
	}
}

// TestGalleryZitadel is the flow of oidc-login.yaml at a provider whose login page
// really checks the password, and answers a wrong one with 200 and the page again.
func TestGalleryZitadel(t *testing.T) {
	z := newZitadel(t, "")
	flow := filepath.Join("testdata", "zitadel-login.yaml")
	env := []string{"OIDC_ISSUER=" + z.url, "ZITADEL_PASSWORD=" + zitadelPassword}
	passed(t, ranAll(t, 200, env, flow))

	env[1] = "ZITADEL_PASSWORD=sentinel-wrong"
	if why := failures(ranAll(t, 5, env, flow)); why["log in: assertion"] != 5 {
		t.Errorf("with a wrong password: %v", why)
	}
	address := freeAddresses(t, 1)[0]
	z = newZitadel(t, "http://"+address)
	f := newFront(t, address, z.url, "path=/oauth/token kind=status status=503 rate=5%")
	env = []string{"OIDC_ISSUER=" + f.url, "ZITADEL_PASSWORD=" + zitadelPassword}
	why, stats := failures(ranAll(t, 200, env, flow)), f.stats(t)
	if len(why) != 1 || int64(why["tokens: status_5xx"]) != stats.Met || stats.Met == 0 {
		t.Errorf("%d requests met a fault, and runs failed: %v", stats.Met, why)
	}
}

// TestFormPost has the authorization response posted by a page, as oidc-login.yaml
// would with response_mode: form_post.
func TestFormPost(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(deployed("flows", "oidc-login.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.NewReplacer(
		"    scope: openid email offline_access\n", "    scope: openid email offline_access\n    response_mode: form_post\n",
		`until: 'location.scheme == "com.example.bank"'`, `until: status == 200`,
		`[location.query.code != ""]`, `[text contains "com.example.bank:/callback"]`,
	).Replace(string(text))
	accounts, err := os.ReadFile(deployed("flows", "oidc-accounts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	flow := write(t, dir, "form-post.yaml", changed)
	write(t, dir, "form-post-accounts.yaml", string(accounts))
	p := newProvider(t, providerOptions{})
	all := ranAll(t, 20, p.environment(t), flow)
	passed(t, all)
	if strings.Count(changed, "form_post") != 1 || times(all, "tokens") != 20 {
		t.Errorf("it was not form_post that has passed:\n%s", changed)
	}
}

// TestGalleryBank runs the flows of the staging bank against it, a customer once in
// 30 s, as one-time codes want it.
func TestGalleryBank(t *testing.T) {
	for _, flow := range []string{"retail-login", "session-refresh", "expired-token", "refused", "refused-hourly", "refused-dpop"} {
		t.Run(flow, func(t *testing.T) {
			t.Parallel()
			bank, accounts := "http://"+freeAddresses(t, 1)[0], filepath.Join(t.TempDir(), "accounts.yaml")
			start(t, nil, authprober(t), "bank", "--listen", strings.TrimPrefix(bank, "http://"), "--users", "100", "--accounts-file", accounts).
				ready(t, bank+"/v1/status")
			passed(t, ranWith(t, 100, []string{"BANK_URL=" + bank, "BANK_CLIENT_SECRET=the-secret-of-a-service-of-the-staging-bank"}, deployed("flows", flow+".yaml"), accounts))
		})
	}
}
