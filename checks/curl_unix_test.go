//go:build unix

package checks

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

// A shell reads the command as curl would be given it, whatever is in the flow's text.
func TestShellReadsCurl(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"x": "Sesame", "y": "4711"}`))
	}))
	defer server.Close()
	r := probeOnce(t, mustLoad(t, Options{Sample: 1}, `name: x
target: `+server.URL+`
steps:
  - {name: token, request: GET /, expect: [status == 200], capture: {access: body.x, tick: body.y}}
  - name: all
    request: POST /v1/it's/${{ access }}?a=b
    query: {q: "${{ tick + 'x' }} $HOME"}
    headers: {X-Quote: "\"'\\ \x60id\x60 $(id) ${{ access }}"}
    cookies: {sid: "${{ access }}"}
    basic: {username: "jane", password: "${{ access }}"}
    json: {"it's": ["$HOME", "a \"${{ tick }}\"", "${{ access }}", 1, true, null, {}]}
    follow_redirects: 1
    expect: [status == 200]
`))
	if len(r.Steps) != 2 || r.Steps[1].Exchange == nil {
		t.Fatalf("got %+v", r)
	}
	command := strings.ReplaceAll(r.Steps[1].Exchange.Curl, server.URL, "https://bank.example")
	if strings.Contains(command, "Sesame") || strings.Contains(command, "4711") {
		t.Errorf("a captured value is in %s", command)
	}
	script := "HOME=never; ACCESS='A B'; TICK_X=T; TICK=tock; curl() { for a in \"$@\"; do printf '%s\\0' \"$a\"; done; }; " + command
	out, err := exec.CommandContext(t.Context(), "sh", "-c", script).Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, command)
	}
	got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	want := []string{"-X", "POST", "https://bank.example/v1/it's/A B?a=b", "--url-query", "q=T $HOME",
		"-H", "X-Quote: \"'\\ `id` $(id) A B", "-u", "jane:A B", "-b", "sid=A B",
		"-H", "Content-Type: application/json",
		"--data-raw", `{"it's":["$HOME","a \"tock\"","A B",1,true,null,{}]}`, "-L"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q\nof %s", got, want, command)
	}
}

func TestVariableNames(t *testing.T) {
	for expression, want := range map[string]string{
		"account.password":          "ACCOUNT_PASSWORD",
		"totp(account.totp_secret)": "TOTP_ACCOUNT_TOTP_SECRET",
		"1 + 2":                     "VALUE",
		`"ü"`:                       "VALUE",
		`remembered["x-y"]`:         "REMEMBERED_X_Y",
		strings.Repeat("long", 20):  strings.Repeat("LONG", 10),
	} {
		if got := variableName(expression); got != want {
			t.Errorf("%s: got %s, want %s", expression, got, want)
		}
	}
}
