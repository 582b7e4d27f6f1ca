package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/authprober/authprober/prober/web/api"
)

// quotedText stands in fuzzed input where nothing may repeat it.
const quotedText = "qX7vZk93"

// FuzzDaemon has any answer come where a daemon is asked: what is printed of it, or said
// against it, is text that moves no cursor.
func FuzzDaemon(f *testing.F) {
	at := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	ratio := 0.05
	checks, _ := json.Marshal(api.Checks{At: at, Checks: []api.Check{{Check: "login", State: "firing", Since: &at, Evidence: 1.3, Blame: &api.Blame{Sentence: "release=2: 3 of 3"},
		Ratios: []api.Ratio{{Window: "1h", Failed: 3, Runs: 60, Ratio: &ratio, Upper: 0.2}}, Thresholds: []api.Threshold{{Window: "1h", Exceeded: true}}, DrillUntil: &at,
		Pace: api.Pace{Pace: "paused", Why: "switch"}, LastFailed: &api.Summary{Step: "login", Reason: "status_5xx", Detail: "got 503", Start: at}}}})
	runs, _ := json.Marshal(api.Runs{Runs: []api.Summary{{ID: "1", Check: "login", Outcome: "failed", Start: at, Took: 0.3, Step: "login", Reason: "status_5xx", Detail: "got 503"}, {Outcome: "errored", Error: "no files"}}})
	for _, s := range []string{string(checks), string(runs), "", "{}", "[]", "<html>", `{"checks":null}`, `{"runs":[],"next":"1"}`, `{"title":"Bad Request","status":400,"detail":"limit: want a number"}`,
		strings.ReplaceAll(string(checks), "login", `log\u001b[2Jin`), strings.ReplaceAll(string(checks), "firing", `fir\u001b]0;x\u0007ing`), strings.ReplaceAll(string(runs), "failed", `\u009b2J`),
		strings.ReplaceAll(string(checks), "switch", `\u001b[A`), strings.ReplaceAll(string(runs), "0.3", "1e300"), `{"title":"\u001b[2J","detail":"\u001b[2J"}`, "\x1b[2J"} {
		for _, status := range []int{200, 401, 400, 503} {
			f.Add(status, "application/problem+json", s)
		}
	}
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		if status < 200 || status > 999 {
			return // net/http lets none of them through
		}
		base, _ := url.Parse("http://127.0.0.1:9870")
		c := &daemonClient{base: base, http: &http.Client{Transport: answering(func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			io.WriteString(w, body)
		})}}
		var out strings.Builder
		a := &app{stdout: &out, stderr: &out}
		text, _, err := a.statusText(t.Context(), c, false)
		holdPlain(t, "status", text, err)
		err = a.runs(t.Context(), c, runsQuery{limit: 1}, 0)
		holdPlain(t, "runs", out.String(), err)
		holdPlain(t, "drill", "", c.change(t.Context(), http.MethodPost, "/-/drill", nil))
	})
}

// answering answers every request without a network.
type answering func(http.ResponseWriter)

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	f(w)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func holdPlain(t *testing.T, what, text string, err error) {
	t.Helper()
	if err != nil {
		text += err.Error()
	}
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || r == '\u2028' || r == '\u2029') {
			t.Fatalf("%s has %U: %q", what, r, text)
		}
	}
	if !utf8.ValidString(text) {
		t.Fatalf("%s is no text: %q", what, text)
	}
}

// FuzzSettings sets any variable to anything: the settings are read, the same each time, or an
// error names that variable and repeats nothing of it.
func FuzzSettings(f *testing.F) {
	all := variables()
	for i, v := range all {
		for _, s := range []string{v.Default, quotedText, "-1", "1h", "2/3", "http://a:" + quotedText + "@b/", "https://a.example/" + quotedText, "http://[" + quotedText, "a=b,c=" + quotedText, "60 per minute", "200MiB", "9999999999999999999GiB", "90d", "/" + quotedText, "a\x00" + quotedText} {
			f.Add(i, s)
		}
	}
	f.Fuzz(func(t *testing.T, i int, value string) {
		if i < 0 || i >= len(all) || strings.Contains(value, "/dev/") || strings.Contains(value, "/proc/") {
			return // the files of some variables are read
		}
		a := &app{environ: []string{all[i].Name + "=" + value}}
		s, err := a.settings()
		again, errAgain := a.settings()
		if fmt.Sprint(err) != fmt.Sprint(errAgain) || fmt.Sprintf("%+v", s) != fmt.Sprintf("%+v", again) {
			t.Fatalf("%s=%q is read as two things", all[i].Name, value)
		}
		if err == nil {
			return
		}
		if text := err.Error(); !strings.HasPrefix(text, all[i].Name+": ") || strings.Contains(text, "\n") || strings.Contains(text, quotedText) {
			t.Fatalf("%s=%q: %v", all[i].Name, value, err)
		}
	})
}

// FuzzCgroup reads any files as those of a cgroup: there is no limit, or one above zero that
// stands in one of them.
func FuzzCgroup(f *testing.F) {
	f.Add("0::/a/b\n", "268435456\n", "max\n")
	f.Add("5:memory:/docker/0a1b\n", "9223372036854771712\n", "33554432\n")
	f.Add("0::/../..\n::\nx\n", "-3\n", "")
	f.Add("0::"+strings.Repeat("/a", 100), "0", "18446744073709551616")
	f.Fuzz(func(t *testing.T, groups, leaf, root string) {
		files := fstest.MapFS{}
		for path, text := range map[string]string{"proc/self/cgroup": groups, "sys/fs/cgroup/a/memory.max": leaf, "sys/fs/cgroup/memory.max": root,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": leaf} {
			files[path] = &fstest.MapFile{Data: []byte(text)}
		}
		limit, ok := cgroupMemory(files)
		if ok && (limit <= 0 || fmt.Sprint(limit) != unsigned(leaf) && fmt.Sprint(limit) != unsigned(root)) {
			t.Fatalf("the limit is %d", limit)
		}
	})
}

// unsigned is a number as it is written without spaces, a sign and zeros before it.
func unsigned(text string) string {
	return strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(text), "+"), "0")
}
