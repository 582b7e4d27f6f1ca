package recording_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/recording"
)

// What is no form and no JSON holds a credential where a program does not look
// for it: the whole is a reference, and a comment says so.
func TestTextsThatHoldCredentials(t *testing.T) {
	post := func(mime, body string) entry {
		return entry{method: "POST", url: "https://a.example/login", mime: mime, body: body}
	}
	form, jsonType := "application/x-www-form-urlencoded", "application/json"
	for name, e := range map[string]entry{
		"SOAP":             post("text/xml", `<s:Body><Login><User>dave</User><Password>zebra</Password></Login></s:Body>`),
		"XML attribute":    post("application/xml", `<login pin="zebra"/>`),
		"NDJSON":           post("application/x-ndjson", "{\"a\":1}\n{\"pin\":\"zebra\"}\n"),
		"broken JSON":      post(jsonType, `{"password": "zebra"`),
		"two JSON":         post(jsonType, `{"token": "zebra"}{}`),
		"text":             post("text/plain", "user=dave&kennwort=zebra"),
		"JSON in JSON":     post(jsonType, `{"payload": "{\"password\": \"zebra\"}"}`),
		"twice in JSON":    post(jsonType, `{"a": "{\"b\":\"{\\\"pin\\\":\\\"zebra\\\"}\"}"}`),
		"escaped in JSON":  post(jsonType, `{"a": "{\"\\u0070in\":\"zebra\"}"}`),
		"JSON in a form":   post(form, `data=%7B%22pin%22%3A%22zebra%22%7D`),
		"JSON as a form":   post(form, `{"pin":"zebra"}`),
		"URL in a query":   {method: "GET", url: "https://a.example/x?next=https%3A%2F%2Fb.example%2F%3Fpassword%3Dzebra"},
		"twice in a query": {method: "GET", url: "https://a.example/x?next=%252F%253Fpassword%253Dzebra"},
		"malformed":        post(form, `a=%7B%22pin%22%3A%22zebra%22%7D%ZZ`),
		"semicolons":       {method: "GET", url: "https://a.example/x?a=1;password=zebra"},
		"header":           {method: "GET", url: "https://a.example/x", header: []string{"X-Login", "user=dave; pin=zebra"}},
		"GraphQL":          post(jsonType, `{"query": "mutation { login(user: \"dave\", password: \"zebra\") { ok } }"}`),
		"GraphQL default":  post(jsonType, `{"query": "mutation L($password: String! = \"zebra\") { login(password: $password) { ok } }"}`),
		"matrix":           {method: "GET", url: "https://a.example/login;jsessionid=zebra/next"},
		"matrix pin":       {method: "GET", url: "https://a.example/login;a=b;pin=zebra"},
	} {
		t.Run(name, func(t *testing.T) {
			flow := draftOfEntry(t, e)
			if strings.Contains(flow, "zebra") || !strings.Contains(flow, "${{ secrets.") && !strings.Contains(flow, "was left out") || !strings.Contains(flow, "# decide:") {
				t.Errorf("got\n%s", flow)
			}
		})
	}
}

// What names a credential without giving it a value stays as it is.
func TestTextsWithoutCredentials(t *testing.T) {
	for _, text := range []string{
		"mutation L($password: String!, $pin: [Int!]) { login(password: $password, pin: $pin) { token } }", "urn:ietf:params:oauth:token-type:access_token", "Forgot your password?",
		"https://a.example/reset?password=&token=", "openid profile token", `{"password": null}`, "token_type=Bearer",
	} {
		flow := draftOfEntry(t, entry{method: "POST", url: "https://a.example/x", mime: "application/json", body: `{"about": ` + quotedJSON(text) + `}`})
		if strings.Contains(flow, "secrets") {
			t.Errorf("%s is hidden:\n%s", text, flow)
		}
	}
}

// A name may be a value beside the value, or stand further out.
func TestNamesAsValues(t *testing.T) {
	for body, want := range map[string]string{
		`{"fields": [{"name": "user", "value": "x"}, {"name": "password", "value": "zebra"}]}`: "value: ${{ account.password }}",
		`[{"key": "card_pin", "content": 7301}]`:                                               "content: ${{ int(account.pin) }}",
		`{"callbacks": [{"value": "zebra", "id": "clave"}]}`:                                   "value: ${{ account.password }}",
		`{"password": {"value": "zebra", "type": "plain"}}`:                                    "type: plain",
		`{"answers": {"q1": "zebra", "q2": "7301"}}`:                                           "q2: ${{ account.security_answer_2 }}",
		`{"answers": ["zebra", "7301"]}`:                                                       "- ${{ account.security_answer_2 }}",
	} {
		flow := draftOfEntry(t, entry{method: "POST", url: "https://a.example/login", mime: "application/json", body: body})
		if strings.Contains(flow, "zebra") || strings.Contains(flow, "7301") || !strings.Contains(flow, want) {
			t.Errorf("%s: want %s in\n%s", body, want, flow)
		}
	}
}

// JSON as people write it in a collection is taken apart like any other.
func TestRelaxedJSON(t *testing.T) {
	for _, body := range []string{
		"{\n // zebra1\n \"url\": \"https://b.example/*x\", \"pin\": \"zebra\", }", `{"pin": "zebra" /* zebra2, "a": */ , }`, `{"list": [{"pin": "zebra",},], /**/}`, `{"pin": "zebra", "n": {{n}}, // {{zebra}}` + "\n}",
	} {
		flow := draftOfEntry(t, entry{method: "POST", url: "https://a.example/login", mime: "application/json", body: strings.ReplaceAll(body, "{{n}}", "1")})
		rec, err := recording.Postman(strings.NewReader(`{"item":[{"name":"x","request":{"method":"POST","url":"https://a.example/login","body":{"mode":"raw","raw":` + quotedJSON(body) + `}}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		for _, flow := range []string{flow, flowOf(t, rec)} {
			if strings.Contains(flow, "zebra") || !strings.Contains(flow, "pin: ${{ account.pin }}") || !strings.Contains(flow, "comments and commas") {
				t.Errorf("%s: got\n%s", body, flow)
			}
		}
	}
}

func quotedJSON(s string) string {
	text, _ := json.Marshal(s) // a string always encodes
	return string(text)
}
