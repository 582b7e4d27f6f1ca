package banktest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
)

func TestUsersComeFromTheSeed(t *testing.T) {
	few, many := newBank(t, banktest.Options{Seed: 7, Users: 5}).Users(), newBank(t, banktest.Options{Seed: 7, Users: 50}).Users()
	if !reflect.DeepEqual(few, many[:5]) {
		t.Error("a larger bank begins with other customers")
	}
	if reflect.DeepEqual(few, newBank(t, banktest.Options{Seed: 8, Users: 5}).Users()) {
		t.Error("another seed gives the same customers")
	}
	names, passwords, usernames := map[string]bool{}, "", ""
	for _, u := range many {
		names[u.Username] = true
		passwords, usernames = passwords+u.Password, usernames+u.Username
	}
	if len(names) != 50 {
		t.Errorf("50 users have %d names", len(names))
	}
	for _, c := range []string{`"`, `'`, `\`, "ß", "日", " ", "%", "+", "&"} {
		if !strings.Contains(passwords, c) {
			t.Errorf("no password has a %s", c)
		}
	}
	if !strings.Contains(usernames, "ë") {
		t.Error("no user name is beyond ASCII")
	}
}

func TestUserPrintsWithoutSecrets(t *testing.T) {
	u := newBank(t, banktest.Options{}).Users()[1]
	text, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprint(u), fmt.Sprintf("%+v %#v %s %q", u, u, u, u), string(text), fmt.Sprint([]banktest.User{u})} {
		if strings.Contains(printed, u.Password) || strings.Contains(printed, u.TOTPSecret) {
			t.Errorf("a user prints as %s", strings.ReplaceAll(printed, u.Password, "PASSWORD"))
		}
	}
}

func TestOptionErrors(t *testing.T) {
	for want, o := range map[string]banktest.Options{
		`bank: -1 users, want 1 to 100000`:                                                                                {Users: -1},
		`bank: 100001 users, want 1 to 100000`:                                                                            {Users: 100_001},
		`bank: accounts lock after -1 attempts, want at least 1`:                                                          {LockAfter: -1},
		`bank: unknown balance 9`:                                                                                         {Balance: 9},
		`bank: backend name "b 1", want 1 to 64 of letters, digits and ._-+`:                                              {Backends: []banktest.Backend{{Name: "b 1", Release: "1"}}},
		`bank: release name "", want 1 to 64 of letters, digits and ._-+`:                                                 {Backends: []banktest.Backend{{Name: "b1"}}},
		`bank: two backends are called "a"`:                                                                               {Backends: []banktest.Backend{{Name: "a", Release: "1"}, {Name: "a", Release: "2"}}},
		`bank: fault: unknown backend "b9", want one of *, b1, b2, b3, b4, b5`:                                            {Faults: []banktest.Fault{{Backend: "b9", Kind: banktest.KindHang}}},
		`bank: fault: status is 99, want 200 to 599`:                                                                      {Faults: []banktest.Fault{{Status: 99, Kind: banktest.KindStatus}}},
		`bank: fault: rate is NaN, want above 0% and at most 100%; for is 0s, want above 0 and at most 1h`:                {Faults: []banktest.Fault{{Rate: nan(), Kind: banktest.KindDelay}}},
		`bank: challenges live for 1ms, access tokens for 15m0s, refresh tokens for 24h0m0s; want at least a second each`: {ChallengeFor: time.Millisecond},
	} {
		if _, err := banktest.New(o); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

func TestDeploy(t *testing.T) {
	s, c := start(t, banktest.Options{})
	if got := c.send("GET", "/v1/status", "").header.Get("X-Release"); got != "1.0.0" {
		t.Errorf("release is %q, want 1.0.0", got)
	}
	if err := s.Deploy("*", "1.1.0+b7"); err != nil {
		t.Fatal(err)
	}
	if err := s.Deploy("b2", "2.0.0"); err != nil {
		t.Fatal(err)
	}
	want := []banktest.Backend{{"b1", "1.1.0+b7"}, {"b2", "2.0.0"}, {"b3", "1.1.0+b7"}, {"b4", "1.1.0+b7"}, {"b5", "1.1.0+b7"}}
	if got := s.Backends(); !reflect.DeepEqual(got, want) {
		t.Errorf("backends are %v, want %v", got, want)
	}
	r := c.send("GET", "/v1/status", "") // on the same connection
	if got, want := r.header.Get("X-Release") == "2.0.0", r.header.Get("X-Backend") == "b2"; got != want {
		t.Errorf("headers are %v", r.header)
	}
	if err := s.Deploy("b6", "1"); err == nil || err.Error() != `unknown backend "b6", want one of *, b1, b2, b3, b4, b5` {
		t.Errorf("deploying to b6: %v", err)
	}
}

// What makes an intermittent failure visible or not: with one backend of five
// broken, a connection that is kept sees it always or never.
func TestConnectionsStickToBackends(t *testing.T) {
	broken := []banktest.Fault{{Step: "status", Backend: "b3", Kind: banktest.KindStatus}}
	failures := func(o banktest.Options, n int, fresh bool) (failed int) {
		o.Faults = broken
		s, c := start(t, o)
		defer s.Close()
		for range n {
			if fresh {
				c.http.CloseIdleConnections()
			}
			if c.send("GET", "/v1/status", "").status != 200 {
				failed++
			}
		}
		return failed
	}
	kept := map[int]int{}
	for seed := range uint64(20) {
		kept[failures(banktest.Options{Seed: seed}, 20, false)]++
	}
	if len(kept) != 2 || kept[0] == 0 || kept[20] == 0 {
		t.Errorf("failures of 20 on a connection that is kept, by how often: %v, want only 0 and 20, and both", kept)
	}
	// Six standard deviations, and the seed is fixed besides.
	if got := failures(banktest.Options{Seed: 1}, 500, true); got < 47 || got > 153 {
		t.Errorf("%d of 500 fresh connections failed, want about 100", got)
	}
	if got := failures(banktest.Options{Seed: 1, Balance: banktest.PerRequest}, 500, false); got < 47 || got > 153 {
		t.Errorf("%d of 500 requests failed when balanced one by one, want about 100", got)
	}
}

func TestAccessLog(t *testing.T) {
	seen := make(chan banktest.Access, 10)
	s, c := start(t, banktest.Options{
		Log:    func(a banktest.Access) { seen <- a },
		Faults: []banktest.Fault{{Step: "status", Kind: banktest.KindDelay, For: time.Millisecond}, {Step: "status", Kind: banktest.KindHTML}},
	})
	for path, want := range map[string]banktest.Access{
		"/v1/status":   {Step: "status", Method: "GET", Status: 200, Faults: []banktest.Kind{"delay", "html"}},
		"/v1/accounts": {Step: "accounts", Method: "GET", Status: 401},
		"/?code=x":     {Step: "other", Method: "GET", Status: 404},
		"/-/faults":    {Step: "admin", Method: "GET", Status: 200},
	} {
		r := c.send("GET", path, "")
		got := <-seen
		want.At, want.Took, want.Backend, want.Release = got.At, got.Took, r.header.Get("X-Backend"), "1.0.0"
		if !reflect.DeepEqual(got, want) || got.At.IsZero() || got.Took <= 0 {
			t.Errorf("%s is logged as %+v, want %+v", path, got, want)
		}
	}
	want := map[string]int64{"login": 0, "otp": 0, "device_challenge": 0, "device_login": 0, "accounts": 1, "device_enrol": 0, "device_remove": 0,
		"refresh": 0, "logout": 0, "revoke": 0, "status": 1, "other": 1, "keys": 0, "metadata": 0, "authorize": 0, "sign_in": 0, "token": 0, "step_up": 0, "transfer": 0, "payment": 0, "settings": 0}
	if got := s.Stats().Requests; !reflect.DeepEqual(got, want) {
		t.Errorf("requests are %v, want %v", got, want)
	}
}

func TestListenAndServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	started, ended := make(chan string), make(chan error)
	b := newBank(t, banktest.Options{})
	go func() { ended <- b.ListenAndServe(ctx, "127.0.0.1:0", func(url string) { started <- url }) }()
	url := <-started
	addr := strings.TrimPrefix(url, "http://")
	if err := b.ListenAndServe(ctx, addr, nil); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second bank on one port: %v", err)
	}
	if err := b.ListenAndServe(ctx, "127.0.0.1:http-nothing", nil); err == nil {
		t.Error("a port that is none is accepted")
	}
	c := &client{t, (&banktest.Server{}).Client(), url}
	wantReply(t, c.send("GET", "/v1/status", ""), 200, "")
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("serving ended with %v", err)
	}
	if r := c.send("GET", "/v1/status", ""); r.err == nil {
		t.Error("the bank answers after its end")
	}
}

func TestCloseTwiceAndStartAgain(t *testing.T) {
	s, c := start(t, banktest.Options{PasswordOnly: true})
	access := c.password(s.Users()[0]).member("access_token")
	s.Close()
	s.Close()
	again, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	wantReply(t, newClient(t, again).bearer("GET", "/v1/accounts", access), 200, "")
}

// The package comment is the reference: it must have everything.
func TestDocNamesEverything(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"/v1/login ", "/v1/login/otp ", "/v1/login/device ", "/v1/devices ", "/v1/devices/ID/challenge ", "/v1/devices/ID,", "/v1/accounts,", "/v1/token/refresh ", "/v1/logout,", "/v1/revoke,", "/v1/status "}
	for _, step := range banktest.Steps() {
		names = append(names, "//\t"+step+" ")
	}
	for _, kind := range banktest.Kinds() {
		names = append(names, "//\t"+string(kind)+" ")
	}
	for _, name := range names {
		if !strings.Contains(string(source), name) {
			t.Errorf("the package comment lacks %q", name)
		}
	}
}
