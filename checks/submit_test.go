package checks

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/prober"
)

// An idp is an identity provider with pages for people: a login page whose form
// has a token against forged requests, a page of consent with two buttons, and a
// redirect into an app at the end.
type idp struct {
	mu   sync.Mutex
	sent []string
}

func (p *idp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	p.sent = append(p.sent, strings.TrimSpace(r.Method+" "+r.RequestURI+" "+string(body)))
	p.mu.Unlock()
	cookie, _ := r.Cookie("session")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	redirect := func(to string) { w.Header().Set("Location", to); w.WriteHeader(http.StatusFound) }
	switch {
	case r.URL.Path == "/authorize":
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "s1", Path: "/"})
		redirect("login?client=app")
	case cookie == nil || cookie.Value != "s1":
		w.WriteHeader(http.StatusBadRequest)
	case r.Method == http.MethodGet && r.URL.Path == "/login":
		fmt.Fprint(w, loginPage)
	case r.URL.Path == "/login-actions/authenticate" && string(body) == "csrf=t%2B1&username=probe%40bank&password=p%26+1&login=1" && r.Header.Get("Origin") == "http://"+r.Host:
		redirect("/consent")
	case r.URL.Path == "/login-actions/authenticate":
		fmt.Fprint(w, "<p>Wrong password"+loginPage)
	case r.Method == http.MethodGet && r.URL.Path == "/consent":
		fmt.Fprint(w, `<form method=post><input type=hidden name=csrf value=t2><button name=do value=deny>No</button><button name=do value=allow>Yes</button></form>`)
	case string(body) == "csrf=t2&do=allow":
		redirect("com.example.bank:/callback?code=SplxlOBeZQQYbYS&state=st1")
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

const loginPage = `<!doctype html><form action=/search><input name=q></form>
<form id=kc-login method=post action="/login-actions/authenticate?execution=e1&amp;tab=2">
<input type=hidden name=csrf value="t&#43;1"><input name=username value=""><input type=password name=password><button name=login value=1>Log in</button></form>`

const codeFlow = `
name: x
target: TARGET
steps:
  - name: authorize
    request: GET /authorize
    let: {user: '"probe@bank"'}
    expect: [status == 302, location.path == "/login"]
  - name: login page
    follow: location
    expect: [status == 200]
  - name: log in
    submit: {id: kc-login}
    fields: {username: "${{ user }}", password: "p& 1"}
    expect: [status == 302]
  - name: consent page
    follow: {until: status == 200}
    expect: [status == 200, text contains "csrf"]
  - name: consent
    submit: first
    button: {value: allow}
    expect: [status == 302]
  - name: back in the app
    follow: {until: location.scheme == "com.example.bank"}
    expect: [location.query.state == "st1", 'location.path == "/callback"']
    capture: {code: location.query.code}
`

// The whole of an authorisation code flow, without a browser.
func TestPagesOfAnIdentityProvider(t *testing.T) {
	p := &idp{}
	server := httptest.NewServer(p)
	defer server.Close()
	r := probeOnce(t, mustLoad(t, Options{}, strings.ReplaceAll(codeFlow, "TARGET", server.URL)))
	if r.Outcome() != prober.Passed {
		t.Fatalf("got %s: %v %+v", r.Outcome(), r.Err, r.Steps)
	}
	want := []string{
		"GET /authorize", "GET /login?client=app",
		"POST /login-actions/authenticate?execution=e1&tab=2 csrf=t%2B1&username=probe%40bank&password=p%26+1&login=1",
		"GET /consent", "POST /consent csrf=t2&do=allow",
	}
	if diff := cmp.Diff(want, p.sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	var shown []string
	for _, st := range r.Steps {
		shown = append(shown, fmt.Sprintf("%s: %d, %d sent", st.Request, st.Status, st.Attempts))
	}
	want = []string{
		"GET /authorize: 302, 1 sent", "follow location: 200, 1 sent", `submit a form with id "kc-login": 302, 1 sent`,
		"follow until status == 200: 200, 1 sent", "submit the first form: 302, 1 sent",
		`follow until location.scheme == "com.example.bank": 302, 0 sent`,
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	// A wrong password is a page with status 200, and seen as such.
	wrong := strings.NewReplacer("TARGET", server.URL, "p& 1", "p& 2").Replace(codeFlow)
	check(t, probeOnce(t, mustLoad(t, Options{}, wrong)), prober.ReasonAssertion, "want status == 302, got 200")
}

// pageThen answers GET with a page, and notes what else it is sent.
func pageThen(t *testing.T, contentType, page string) (url string, sent func() []*http.Request) {
	t.Helper()
	var mu sync.Mutex
	var all []*http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/page" {
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, page)
			return
		}
		body, _ := io.ReadAll(r.Body)
		kept := r.Clone(context.WithoutCancel(r.Context())) // the server goes on with its own
		kept.Body = io.NopCloser(bytes.NewReader(body))
		mu.Lock()
		all = append(all, kept)
		mu.Unlock()
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []*http.Request { mu.Lock(); defer mu.Unlock(); return all }
}

// pageFlow gets a page and performs a step with the given settings.
func pageFlow(target, settings string) string {
	return "name: x\ntarget: " + target + "\nsteps:\n  - {name: page, request: GET /page, expect: [status == 200]}\n  - name: a\n    " +
		strings.ReplaceAll(strings.TrimSpace(settings), "\n", "\n    ") + "\n    expect: [status == 200]\n"
}

func TestSubmitFailures(t *testing.T) {
	const two = `<form id=search action=/s></form><form id=login name=l method=post action="/do/login?secret=1"><input name=user><select name=country><option>DE</select></form>`
	tests := []struct {
		name, contentType, page, step string
		reason                        prober.Reason
		detail                        string
	}{
		{"by id", "text/html", two, "submit: {id: login}\nfields: {user: a, country: DE}", "", ""},
		{"by name", "text/html", two, "submit: {name: l}\nfields: {user: a}", "", ""},
		{"by index", "text/html", two, "submit: {index: 2}\nfields: {user: a}", "", ""},
		{"by the action's end", "text/html", two, "submit: {action: /login}\nfields: {user: a}", "", ""},
		{"by action", "text/html", two, "submit: {action: URL/do/login}\nfields: {user: a}", "", ""},
		{"a page that a script would submit", "text/html", `<body onload="document.forms[0].submit()"><noscript><p>Press the button.</noscript>
			<form method=post action=/acs><input type=hidden name=SAMLResponse value=PHNhbWw+><noscript><input type=submit></noscript></form>`, "submit: first", "", ""},
		{"XHTML", "application/xhtml+xml", two, "submit: {id: login}", "", ""},
		{"no type", "", "<html>" + two, "submit: {id: login}", "", ""},
		{"no such id", "text/html", two, "submit: {id: logn}", prober.ReasonMissingValue, `want a form with id "logn" in the answer of the step before, got 200, text/html with 2 forms`},
		{"no such name", "text/html", two, "submit: {name: login}", prober.ReasonMissingValue, `want a form with name "login" in the answer of the step before, got 200, text/html with 2 forms`},
		{"no such index", "text/html", two, "submit: {index: 3}", prober.ReasonMissingValue, `want form 3 in the answer of the step before, got 200, text/html with 2 forms`},
		{"no such action", "text/html", "<form action=/a>", "submit: {action: /logout}", prober.ReasonMissingValue, `want a form with action "/logout" in the answer of the step before, got 200, text/html with 1 form`},
		{"no form", "text/html", "", "submit: first", prober.ReasonMissingValue, `want the first form in the answer of the step before, got 200, text/html with 0 forms`},
		{"no page", "application/json", `{"a": "<form>"}`, "submit: first", prober.ReasonMissingValue, `want the first form in the answer of the step before, got 200, application/json`},
		{"text", "text/plain", "<form>", "submit: first", prober.ReasonMissingValue, `want the first form in the answer of the step before, got 200, text/plain`},
		{"a renamed field", "text/html", two, "submit: {id: login}\nfields: {username: a}", prober.ReasonMissingValue, `want the field "username" in a form with id "login", got 2 fields of other names`},
		{"no such option", "text/html", two, "submit: {id: login}\nfields: {country: FR}", prober.ReasonMissingValue, `filling in the field "country" of a form with id "login": the field does not offer this value`},
		{"no such button", "text/html", two, "submit: {id: login}\nbutton: ok", prober.ReasonMissingValue, `submitting a form with id "login": the form has no such button`},
		{"another scheme", "text/html", "<form action='javascript:login()'>", "submit: first", prober.ReasonBadResponse, "want the first form to go to an http or https URL, got something else"},
		{"an app", "text/html", "<form method=post action='com.example.bank:/x?s=1'>", "submit: first", prober.ReasonBadResponse, "want the first form to go to an http or https URL, got something else"},
		{"no host", "text/html", "<form action='http:///x'>", "submit: first", prober.ReasonBadResponse, "want the first form to go to an http or https URL, got something else"},
		{"no URL", "text/html", "<form action='http://[x'>", "submit: first", prober.ReasonBadResponse, "submitting the first form: the form's action is no URL"},
		{"text/plain", "text/html", "<form method=post enctype=text/plain>", "submit: first", prober.ReasonBadResponse, "submitting the first form: the form is sent as text/plain, which no server can read for sure"},
		{"a dialog", "text/html", "<form method=dialog>", "submit: first", prober.ReasonBadResponse, "submitting the first form: the form belongs to a dialog, and is not sent"},
		{"the character set", "text/html", "<form>\xff", "submit: first", prober.ReasonBadResponse,
			"reading the forms of the answer of the step before: the page is not in UTF-8, and declares no other character set that is known"},
		{"too many", "text/html", strings.Repeat("<form></form>", 10001), "submit: first", prober.ReasonBadResponse,
			"reading the forms of the answer of the step before: the page has more than 10000 forms and controls"},
		{"a space in the query", "text/html", "<form method=post action='/a?b=c d\"ö'>", "submit: first", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url, sent := pageThen(t, tt.contentType, tt.page)
			r := probeOnce(t, mustLoad(t, Options{}, pageFlow(url, strings.ReplaceAll(tt.step, "URL", url))))
			check(t, r, tt.reason, tt.detail)
			if n := len(sent()); (n == 1) != (tt.reason == "") {
				t.Errorf("the target was sent %d forms", n)
			}
		})
	}
}

// The header fields that servers hold against forged requests.
func TestSubmitHeaders(t *testing.T) {
	other, sentThere := pageThen(t, "", "")
	url, sent := pageThen(t, "text/html", `<form id=here method=post action=/x></form><form id=get action=/x></form><form id=there method=post action="`+other+`/x"></form>`)
	for _, step := range []string{"submit: {id: here}", "submit: {id: get}", "submit: {id: there}", "submit: {id: here}\nheaders: {Accept: a, Referer: b, Origin: c}"} {
		check(t, probeOnce(t, mustLoad(t, Options{}, "origins: ["+other+"]\n"+strings.TrimSpace(pageFlow(url, step))+"\n")), "", "")
	}
	var got []string
	for _, r := range append(sent(), sentThere()...) {
		got = append(got, strings.Join([]string{r.Method, r.Header.Get("Accept"), r.Header.Get("Referer"), r.Header.Get("Origin"), r.Header.Get("Content-Type")}, " | "))
	}
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], url, "PAGE")
	}
	const urlencoded = "application/x-www-form-urlencoded"
	want := []string{
		"POST | " + acceptPages + " | PAGE/page | PAGE | " + urlencoded, "GET | " + acceptPages + " | PAGE/page |  | ",
		"POST | a | b | c | " + urlencoded, "POST | " + acceptPages + " | PAGE/ | PAGE | " + urlencoded,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// A number in a hidden field is secret; a short word is not, for a detail would lose
// it everywhere.
func TestWordsOfAForm(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			fmt.Fprint(w, `{"code": 48213}`)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<form method=post><input type=hidden name=n value=48213><input type=hidden name=response_type value=code></form>`)
	}))
	defer server.Close()
	flow := strings.Replace(pageFlow(server.URL, "submit: first"), "    expect: [status == 200]\n", "    expect: [body.code == 1]\n", 1)
	check(t, probeOnce(t, mustLoad(t, Options{}, flow)), prober.ReasonAssertion, "want body.code == 1, got [secret] (status 200)")
}

func TestSubmitMultipartAndExtra(t *testing.T) {
	url, sent := pageThen(t, "text/html", `<form method=post enctype=multipart/form-data action=/x><input name=a value=1><input name=b disabled></form>`)
	check(t, probeOnce(t, mustLoad(t, Options{}, pageFlow(url, "let: {device: '\"d-1\"'}\nsubmit: first\nfields: {a: '2'}\nextra: {b: '${{ device }}'}"))), "", "")
	r := sent()[0]
	if err := r.ParseMultipartForm(1 << 20); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"a": {"2"}, "b": {"d-1"}}, r.MultipartForm.Value); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

// overTLS serves h and returns what a flow needs to trust it.
func overTLS(t *testing.T, h http.HandlerFunc) (url, trust string) {
	t.Helper()
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return server.URL, "tls: {ca: " + ca + "}\n"
}

// Neither a form nor a redirect leads from https to http.
func TestNoDowngrade(t *testing.T) {
	plain, sent := pageThen(t, "", "")
	url, trust := overTLS(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Location", plain+"/x?code=1")
		w.WriteHeader(http.StatusSeeOther)
		fmt.Fprintf(w, `<form method=post action="%s/x">`, plain)
	})
	for step, want := range map[string]struct {
		reason prober.Reason
		detail string
	}{
		"submit: first":                    {prober.ReasonBadResponse, "want the first form of an https page to stay with https, got http"},
		"follow: location":                 {prober.ReasonRedirect, "want a redirect that stays with https, got one from https to http (status 303)"},
		"follow: {until: 'status == 200'}": {prober.ReasonRedirect, "want a redirect that stays with https, got one from https to http (status 303)"},
	} {
		flow := strings.Replace(pageFlow(url, step), "[status == 200]}", "[status == 303]}", 1) + trust
		check(t, probeOnce(t, mustLoad(t, Options{}, flow)), want.reason, want.detail)
	}
	if n := len(sent()); n != 0 {
		t.Errorf("%d requests went to http", n)
	}
}

// A page that lacks its form is blamed on the backend that made it.
func TestTagsOfAPageWithoutItsForm(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("X-Backend", "b3")
	}))
	defer server.Close()
	r := probeOnce(t, mustLoad(t, Options{}, pageFlow(server.URL, "submit: first")+"tags: {backend: 'header[\"X-Backend\"]'}\n"))
	check(t, r, prober.ReasonMissingValue, "")
	if r.Tags["backend"] != "b3" {
		t.Errorf("got the tags %v", r.Tags)
	}
}

// Every step before was skipped: that is a fault of the flow.
func TestNothingToGoOnFrom(t *testing.T) {
	for _, step := range []string{"submit: first", "follow: location", "follow: {until: status == 200}"} {
		flow := strings.Replace(pageFlow("http://127.0.0.1:1", step), "{name: page,", "{name: page, if: check == '',", 1)
		if r := probeOnce(t, mustLoad(t, Options{}, flow)); r.Outcome() != prober.Errored {
			t.Errorf("%s: got %s, want errored: %+v", step, r.Outcome(), r.Steps)
		}
	}
}
