package recording_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/recording"
)

// An entry is one exchange of a recording made by a test.
type entry struct {
	method, url string
	header      []string // name, value, …
	mime, body  string
	status      int
	answer      []string // header fields
	answerType  string
	answerBody  string
}

func harOf(entries ...entry) string {
	pairs := func(of []string) []map[string]string {
		all := []map[string]string{}
		for i := 0; i+1 < len(of); i += 2 {
			all = append(all, map[string]string{"name": of[i], "value": of[i+1]})
		}
		return all
	}
	var all []any
	for i, e := range entries {
		request := map[string]any{"method": e.method, "url": e.url, "headers": pairs(e.header)}
		if e.body != "" {
			request["postData"] = map[string]string{"mimeType": e.mime, "text": e.body}
		}
		all = append(all, map[string]any{
			"startedDateTime": fmt.Sprintf("2026-03-02T09:00:%02d.000Z", i), "request": request,
			"response": map[string]any{"status": max(e.status, 200), "headers": pairs(e.answer), "content": map[string]string{"mimeType": e.answerType, "text": e.answerBody}},
		})
	}
	text, err := json.Marshal(map[string]any{"log": map[string]any{"version": "1.2", "entries": all}})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// secretsEverywhere are values that must not be shown wherever a recording has
// them, by their looks alone.
var secretsEverywhere = []string{
	"q9Zt4xKw7LmP2vB8nC3d", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkYXZlIn0.dBjftJeZ4CVP-mB92K27uhbU", "dave.jones@mail.example", "DE02120300000000202051", "4111111111111111",
	"0f8fad5b-d9cb-469f-a165-70867728950e",
}

// credentials are values that must not be shown where their field says what they
// are, however plain they look.
var credentials = []string{"hunter22", "correct horse battery", `pa"ss\word'`, "ünïcödé-pass", "#hash: yes", "${{ account.x }}", "!tag", "- dash", "123456", "0123", "p@ss&word=1"}

func TestNoSecretOfAnyPlaceIsShown(t *testing.T) {
	quoted := func(s string) string {
		text, _ := json.Marshal(s) // a string always encodes
		return string(text)
	}
	form := "application/x-www-form-urlencoded"
	everywhere := map[string]func(s string) entry{
		"path": func(s string) entry {
			return entry{method: "GET", url: "https://a.example/v1/x/" + url.PathEscape(s) + "/y"}
		},
		"query": func(s string) entry {
			return entry{method: "GET", url: "https://a.example/v1/x?q=" + url.QueryEscape(s)}
		},
		"query twice": func(s string) entry {
			return entry{method: "GET", url: "https://a.example/v1/x?q=1&q=" + url.QueryEscape(s)}
		},
		"query name": func(s string) entry {
			return entry{method: "GET", url: "https://a.example/v1/x?" + url.QueryEscape(s) + "=1"}
		},
		"fragment": func(s string) entry { return entry{method: "GET", url: "https://a.example/v1/x#" + url.PathEscape(s)} },
		"user": func(s string) entry {
			return entry{method: "GET", url: "https://" + url.QueryEscape(s) + ":x@a.example/v1/x"}
		},
		"header": func(s string) entry {
			return entry{method: "GET", url: "https://a.example/v1/x", header: []string{"X-Some", s}}
		},
		"cookie": func(s string) entry {
			return entry{method: "GET", url: "https://a.example/v1/x", header: []string{"Cookie", "a=b; " + s + "=" + s}}
		},
		"json": func(s string) entry {
			return entry{method: "POST", url: "https://a.example/v1/x", mime: "application/json", body: `{"a":[{"b":` + quoted(s) + `}]}`}
		},
		"json name": func(s string) entry {
			return entry{method: "POST", url: "https://a.example/v1/x", mime: "application/json", body: `{"a":1,` + quoted(s) + `:2}`}
		},
		"json text": func(s string) entry {
			return entry{method: "POST", url: "https://a.example/v1/x", mime: "application/json", body: `{"a":` + quoted("see "+s+", please") + `}`}
		},
		"json in json": func(s string) entry {
			return entry{method: "POST", url: "https://a.example/v1/x", mime: "application/json", body: `{"a":` + quoted(`{"b":`+quoted(s)+`}`) + `}`}
		},
		"form": func(s string) entry {
			return entry{method: "POST", url: "https://a.example/v1/x", mime: form, body: "a=1&b=" + url.QueryEscape(s)}
		},
		"form twice": func(s string) entry {
			return entry{method: "POST", url: "https://a.example/v1/x", mime: form, body: "b=1&b=" + url.QueryEscape(s)}
		},
		"text": func(s string) entry {
			return entry{method: "POST", url: "https://a.example/v1/x", mime: "text/plain", body: "<a b='" + s + "'/>"}
		},
		"media type": func(s string) entry {
			return entry{method: "POST", url: "https://a.example/v1/x", mime: "application/x; a=" + s, body: "x"}
		},
		"answer": func(s string) entry {
			return entry{method: "POST", url: "https://a.example/v1/x", answerType: "application/json", answerBody: `{"a":` + quoted(s) + `,` + quoted(s) + `:1}`}
		},
		"answer header": func(s string) entry {
			return entry{method: "POST", url: "https://a.example/v1/x", answer: []string{"X-Y", s, "Location", "/" + url.PathEscape(s), "Set-Cookie", "a=" + s}}
		},
	}
	for place, of := range everywhere {
		for _, s := range secretsEverywhere {
			holdNotShown(t, place, s, of(s))
		}
	}
	fields := map[string]func(s string) entry{
		"password": func(s string) entry {
			return entry{method: "POST", url: "https://a.example/login", mime: "application/json", body: `{"user":"dave","password":` + quoted(s) + `}`}
		},
		"form": func(s string) entry {
			return entry{method: "POST", url: "https://a.example/login", mime: form, body: "j_password=" + url.QueryEscape(s)}
		},
		"secret": func(s string) entry {
			return entry{method: "POST", url: "https://a.example/token", mime: form, body: "client_secret=" + url.QueryEscape(s)}
		},
		"key": func(s string) entry {
			return entry{method: "GET", url: "https://a.example/x", header: []string{"x-api-key", s}}
		},
		"basic": func(s string) entry {
			return entry{method: "GET", url: "https://a.example/x", header: []string{"authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("dave:"+s))}}
		},
		"bearer": func(s string) entry {
			return entry{method: "GET", url: "https://a.example/x", header: []string{"Authorization", "Bearer " + s}}
		},
		"raw": func(s string) entry {
			return entry{method: "GET", url: "https://a.example/x", header: []string{"Authorization", s}}
		},
		"token": func(s string) entry {
			return entry{method: "GET", url: "https://a.example/x", header: []string{"X-Auth-Token", s + s}}
		},
	}
	for place, of := range fields {
		for _, s := range credentials {
			holdNotShown(t, place, s, of(s))
		}
	}
}

func holdNotShown(t *testing.T, place, secret string, e entry) {
	t.Helper()
	before := entry{method: "POST", url: "https://a.example/v1/first", mime: "application/json", body: `{"first": true}`, answerType: "application/json", answerBody: `{"ok":true}`}
	rec, err := recording.HAR(strings.NewReader(harOf(before, e)))
	if err != nil {
		t.Fatalf("%s: %v", place, err)
	}
	draft, err := rec.Draft(recording.Options{Name: "x"})
	if err != nil {
		t.Errorf("%s of %q: %v", place, secret, err)
		return
	}
	for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), base64.StdEncoding.EncodeToString([]byte("dave:" + secret))} {
		if secret != "${{ account.x }}" && strings.Contains(string(draft.Flow)+string(draft.Accounts), form) {
			t.Errorf("%s: %q is in\n%s", place, form, draft.Flow)
		}
	}
	if _, err := load(t, draft, nil); err != nil {
		t.Errorf("%s of %q: the draft does not load: %v\n%s", place, secret, err, draft.Flow)
	}
}
