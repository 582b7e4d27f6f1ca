package banktest_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
)

func TestParseFault(t *testing.T) {
	for text, want := range map[string]banktest.Fault{
		"step=login rate=12% backend=b3 kind=status status=503": {Step: "login", Backend: "b3", Release: "*", Rate: .12, Kind: "status", Status: 503},
		"kind=hang":                            {Step: "*", Backend: "*", Release: "*", Rate: 1, Kind: "hang"},
		"  kind=hang\trate=0.07\n":             {Step: "*", Backend: "*", Release: "*", Rate: .07, Kind: "hang"},
		"kind=status":                          {Step: "*", Backend: "*", Release: "*", Rate: 1, Kind: "status", Status: 503},
		"kind=huge":                            {Step: "*", Backend: "*", Release: "*", Rate: 1, Kind: "huge", Size: 1e9},
		"kind=huge size=64kb every=50":         {Step: "*", Backend: "*", Release: "*", Every: 50, Kind: "huge", Size: 64e3},
		"kind=rate_limit":                      {Step: "*", Backend: "*", Release: "*", Rate: 1, Kind: "rate_limit", RetryAfter: 30 * time.Second},
		"kind=delay for=1500ms release=2.0+b1": {Step: "*", Backend: "*", Release: "2.0+b1", Rate: 1, Kind: "delay", For: 1500 * time.Millisecond},
		"kind=clock_skew by=-90s":              {Step: "*", Backend: "*", Release: "*", Rate: 1, Kind: "clock_skew", By: -90 * time.Second},
		"kind=hang method=POST path=/token":    {Step: "*", Backend: "*", Release: "*", Method: "POST", Path: "/token", Rate: 1, Kind: "hang"},
		"kind=ip_limit":                        {Step: "*", Backend: "*", Release: "*", Rate: 1, Kind: "ip_limit", Limit: 60, Per: time.Minute},
		"kind=account_limit limit=3 per=1h":    {Step: "*", Backend: "*", Release: "*", Rate: 1, Kind: "account_limit", Limit: 3, Per: time.Hour},
		"kind=stale_token backend=b2":          {Step: "*", Backend: "b2", Release: "*", Rate: 1, Kind: "stale_token", For: 30 * time.Second},
		"kind=timing":                          {Step: "*", Backend: "*", Release: "*", Rate: 1, Kind: "timing", By: 300 * time.Millisecond},
		"kind=reset after=40":                  {Step: "*", Backend: "*", Release: "*", Rate: 1, Kind: "reset", After: 40},
	} {
		got, err := banktest.ParseFault(text)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestFaultTexts(t *testing.T) {
	for text, want := range map[string]string{
		"kind=hang step=login":                    "step=login backend=* release=* rate=100% kind=hang",
		"kind=hang rate=0.07":                     "step=* backend=* release=* rate=7% kind=hang",
		"kind=hang rate=0.1%":                     "step=* backend=* release=* rate=0.1% kind=hang",
		"kind=hang rate=0.333333333333333333":     "step=* backend=* release=* rate=0.3333333333333333 kind=hang",
		"kind=hang path=~^/t(a=b)?$ method=GET":   "step=* backend=* release=* method=GET path=~^/t(a=b)?$ rate=100% kind=hang",
		"kind=huge size=1MB every=3":              "step=* backend=* release=* every=3 kind=huge size=1000000",
		"kind=ip_limit limit=7":                   "step=* backend=* release=* rate=100% kind=ip_limit limit=7 per=1m0s",
		"kind=rate_limit retry_after=90s":         "step=* backend=* release=* rate=100% kind=rate_limit retry_after=1m30s",
		"kind=fail_open step=accounts release=2-": "step=accounts backend=* release=2- rate=100% kind=fail_open",
	} {
		if got := parse(t, text).String(); got != want {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
	}
}

const (
	allKinds = "status, delay, hang, reset, truncate, html, wrong_type, rate_limit, clock_skew, fail_open, huge, invalid_utf8, empty, padding, foreign, accepts, lockout, captcha, account_limit, ip_limit, stale_token, timing, enumeration"
	allSteps = "login, otp, device_challenge, device_login, accounts, device_enrol, device_remove, refresh, logout, revoke, status, keys, metadata, authorize, sign_in, token, step_up, transfer, payment, settings or *"
	allWords = "step, backend, release, method, path, rate, every, kind, status, for, retry_after, by, after, size, what, limit, per"
)

func TestParseFaultErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "fault: kind is missing, want " + allKinds,
		"kind=hung":                           `fault: unknown kind "hung", want ` + allKinds,
		"hang":                                `fault: "hang" is not like key=value`,
		"kind=hang stp=login":                 `fault: unknown word "stp", want ` + allWords,
		"kind=hang kind=hang":                 "fault: kind is given twice",
		"kind=hang step=lgin":                 `fault: unknown step "lgin", want ` + allSteps,
		"kind=hang step=":                     "fault: step=: want a name, or * for all",
		"kind=hang backend=b/3":               `fault: backend name "b/3", want 1 to 64 of letters, digits and ._-+`,
		"kind=hang method=post":               `fault: method "post", want one in capitals, like POST`,
		"kind=hang path=token":                `fault: path "token", want one like /token, /users/* or ~^/token$`,
		"kind=hang path=~(":                   "fault: path is no regular expression: missing closing ): `(`",
		"kind=hang path=":                     "fault: path=: want a name, or * for all",
		"kind=hang rate=0":                    "fault: rate=0: want above 0% and at most 100%, like 3% or 0.03",
		"kind=hang rate=120%":                 "fault: rate=120%: want above 0% and at most 100%, like 3% or 0.03",
		"kind=hang rate=NaN":                  "fault: rate=NaN: want above 0% and at most 100%, like 3% or 0.03",
		"kind=hang rate=3% every=50":          "fault: rate and every exclude each other",
		"kind=hang every=0":                   "fault: every=0: want a whole number, at least 1",
		"kind=hang every=1.5":                 "fault: every=1.5: want a whole number, at least 1",
		"kind=status status=999":              "fault: status is 999, want 200 to 599",
		"kind=status for=2s":                  "fault: for is for kind delay, stale_token, not status",
		"kind=delay":                          "fault: for is 0s, want above 0 and at most 1h",
		"kind=delay for=2":                    "fault: for=2: want a duration, not 0, like 30s or 1m30s",
		"kind=delay for=-2s":                  "fault: for is -2s, want above 0 and at most 1h",
		"kind=rate_limit retry_after=1500ms":  "fault: retry_after is 1.5s, want whole seconds and at most 24h",
		"kind=clock_skew":                     "fault: by is 0s, want anything but 0 within ten years",
		"kind=reset after=-1":                 "fault: after=-1: want bytes, at least 1, like 512, 64KB or 1GB",
		"kind=huge size=2GB":                  "fault: size is 2000000000, want at most 1GB",
		"kind=huge size=99999999999GB":        "fault: size=99999999999GB: want bytes, at least 1, like 512, 64KB or 1GB",
		"kind=fail_open step=login":           `fault: fail_open does nothing at step "login", which takes no token; want accounts, device_enrol, device_remove, refresh, logout, token or *`,
		"kind=captcha step=accounts":          `fault: captcha does nothing at step "accounts", which takes no credential; want login, otp, device_login or *`,
		"kind=lockout step=otp":               `fault: lockout does nothing at step "otp", which takes no password; want login or *`,
		"kind=account_limit step=refresh":     `fault: account_limit does nothing at step "refresh", which names no account; want login, device_login or *`,
		"kind=ip_limit limit=2000":            "fault: limit is 2000, want 1 to 1000",
		"kind=ip_limit per=25h":               "fault: per is 25h0m0s, want 1s to 24h",
		"kind=hang limit=3":                   "fault: limit is for kind account_limit, ip_limit, not hang",
		"kind=timing by=2m":                   "fault: by is 2m0s, want at most a minute either way",
		"kind=stale_token for=2h":             "fault: for is 2h0m0s, want above 0 and at most 1h",
		"kind=stale_token step=login":         `fault: stale_token does nothing at step "login", which takes no access token; want accounts, device_enrol, device_remove, logout or *`,
		"kind=hung step=lgin stp=x every=3 x": `fault: unknown word "stp", want ` + allWords + `; "x" is not like key=value`,
		"kind=hung step=lgin":                 `fault: unknown step "lgin", want ` + allSteps + `; unknown kind "hung", want ` + allKinds,
	} {
		if _, err := banktest.ParseFault(text); err == nil || err.Error() != want {
			t.Errorf("%q\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestFaultJSON(t *testing.T) {
	f := parse(t, "step=login rate=12% backend=b3 kind=status status=500")
	text, err := json.Marshal(f)
	if want := `{"backend":"b3","kind":"status","rate":"12%","release":"*","status":500,"step":"login"}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
	for text, want := range map[string]string{
		`{"kind":"hang","rate":0.5,"every":null}`: "fault: every is neither a string nor a number",
		`[]`:                                 `fault: want a JSON object like {"step": "login", "rate": "12%", "kind": "hang"}`,
		`null`:                               `fault: want a JSON object like {"step": "login", "rate": "12%", "kind": "hang"}`,
		`{"kind":"hung"}`:                    `fault: unknown kind "hung", want ` + allKinds,
		`{"kind":"delay","for":2,"id":"f9"}`: "fault: for=2: want a duration, not 0, like 30s or 1m30s",
	} {
		var f banktest.Fault
		if err := f.UnmarshalJSON([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
	var read banktest.Fault
	if err := json.Unmarshal([]byte(`{"kind":"delay","for":"2s","every":"7","id":"f9"}`), &read); err != nil || read != parse(t, "kind=delay for=2s every=7") {
		t.Errorf("got %+v, %v", read, err)
	}
}

func FuzzParseFault(f *testing.F) {
	for _, text := range []string{
		"step=login rate=12% backend=b3 kind=status status=503", "kind=hang every=50", "kind=delay for=1500ms",
		"kind=hang method=POST path=~^/a(b|c)$ every=2", "kind=hang path=/a/*", "kind=clock_skew by=-90s", "kind=huge size=64KB", "kind=reset after=3", "rate=1e-300 kind=empty", "kind=rate_limit retry_after=1m",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := banktest.ParseFault(text)
		if err != nil {
			return
		}
		if again, err := banktest.ParseFault(fault.String()); err != nil || again != fault {
			t.Fatalf("%q is written as %q, which is read as %+v, %v", text, fault, again, err)
		}
		object, err := json.Marshal(fault)
		var again banktest.Fault
		if err := errors.Join(err, json.Unmarshal(object, &again)); err != nil || again != fault {
			t.Fatalf("%q is written as %s, which is read as %+v, %v", text, object, again, err)
		}
	})
}
