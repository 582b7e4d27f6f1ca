package mask

import (
	"net/url"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"invalid_grant","error_description":"Jane Doe is locked"}`: `{"error": "invalid_grant", "error_description": string}`,
		`{"code":"ACCOUNT_LOCKED","status":423,"locked":true,"until":null}`:  `{"code": "ACCOUNT_LOCKED", "status": 423, "locked": true, "until": null}`,
		`{"code":"482913"}`:                  `{"code": string}`,
		`{"code":482913}`:                    `{"code": number}`,
		`{"code":4829}`:                      `{"code": number}`,
		`{"code":"SplxlOBeZQQYbYS6WxSbIA"}`:  `{"code": string}`,
		`{"status":"Jane4711"}`:              `{"status": string}`,
		`{"title":"Service Unavailable"}`:    `{"title": "Service Unavailable"}`,
		`{"type":"https://bank/problems/x"}`: `{"type": string}`,
		`{"access_token":"abc","expires_in":3600,"token_type":"Bearer"}`:                                 `{"access_token": string, "expires_in": 3600, "token_type": "Bearer"}`,
		`{"request_id":"7f3c9a10-11"}`:                                                                   `{"request_id": "7f3c9a10-11"}`,
		`{"accounts":[{"iban":"DE02"},{"iban":"DE03"},{"iban":"DE04"},{"iban":"DE05"},{"iban":"DE06"}]}`: `{"accounts": [{"iban": string}, {"iban": string}, {"iban": string}, and 2 more]}`,
		`{"DE02120300000000202051": {"balance": 12.5}}`:                                                  `{"[key]": {"balance": number}}`,
		`{"Jürgen":1}`:                   `{"[key]": number}`,
		`[]`:                             `[]`,
		`{}`:                             `{}`,
		`"a word"`:                       `string`,
		`12`:                             `number`,
		`{"error":{"code":"x"}}`:         `{"error": {"code": string}}`,
		`[[[[[[[[[[[["deep"]]]]]]]]]]]]`: `[[[[[[[[[]]]]]]]]]`,
		`{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"b":1}}}}}}}}}}`: `{"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {…}}}}}}}}}`,
	} {
		if got, cut, ok := JSON([]byte(body), 2048); got != want || cut || !ok {
			t.Errorf("%s:\ngot  %s (%v, %v)\nwant %s", body, got, cut, ok, want)
		}
	}
	for _, none := range []string{"", "<html>", `{"a":`, `{"a":1} x`} {
		if _, _, ok := JSON([]byte(none), 100); ok {
			t.Errorf("%q passes for JSON", none)
		}
	}
	got, cut, _ := JSON([]byte(`{"a":{"b":"c"},"d":"e"}`), 12)
	if want := `{"a": {"b": …`; got != want || !cut {
		t.Errorf("got %s (%v), want %s", got, cut, want)
	}
}

func TestText(t *testing.T) {
	for body, want := range map[string]string{
		"<html><head><title>503 Service Temporarily Unavailable</title><style>error{}</style></head><body><center>nginx</center></body></html>": "503 Service Temporarily Unavailable nginx",
		"<p>Welcome back, Jane Doe! Your session has expired.</p>":                                                                              "back … Your session has expired",
		"upstream connect error or disconnect/reset before headers":                                                                             "upstream connect error or … reset",
		"account 4711 of 12 customers": "of",
		"":                             "",
		"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.c2ln": "",
	} {
		if got, _ := Text([]byte(body), strings.HasPrefix(body, "<"), 2048); got != want {
			t.Errorf("%q: got %q, want %q", body, got, want)
		}
	}
	if got, cut := Text([]byte("error error error"), false, 12); got != "error error…" && got != "error error …" || !cut {
		t.Errorf("got %q (%v)", got, cut)
	}
}

func TestForm(t *testing.T) {
	for raw, want := range map[string]string{
		"grant_type=authorization_code&code=abc&redirect_uri=https%3A%2F%2Fx": "grant_type=authorization_code&code=…&redirect_uri=…",
		"error=access_denied&state=xyz":                                       "error=access_denied&state=…",
		"DE02120300000000202051=1&x":                                          "[key]=…&x",
		"%zz=1&a=%zz&b=":                                                      "[key]=…&a=…&b=",
		"":                                                                    "",
	} {
		if got := Form(raw); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}

func TestURL(t *testing.T) {
	for raw, want := range map[string]string{
		"https://bank.example/v1/customers/8812/accounts?page=2": "https://bank.example/v1/customers/…/accounts?page=…",
		"/login/otp":                         "/login/otp",
		"com.bank:/cb?code=x#id_token=y":     "com.bank:///cb?code=…#id_token=…",
		"https://b/%E2%82%AC/AbC9/x-y.z/aB1": "https://b/…/…/x-y.z/…",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := URL(u); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}

// Whatever a text holds, no word of a token or of a name comes out.
func FuzzMask(f *testing.F) {
	f.Add(`{"error":"Sentinelqx","a":[{"b":"Sentinelqx"}]}`)
	f.Add("<title>Sentinelqx</title>")
	f.Add("a=Sentinelqx&b=1")
	f.Fuzz(func(t *testing.T, s string) {
		text, _, _ := JSON([]byte(`{"name":"Sentinelqx7","x":`+s+`}`), 500)
		html, _ := Text([]byte(s+" Sentinelqx7"), true, 500)
		for _, got := range []string{text, html, Form("code=Sentinelqx7&" + s)} {
			if strings.Contains(got, "Sentinelqx7") {
				t.Errorf("%q is in %q", "Sentinelqx7", got)
			}
			if len(got) > 2000+10*len(s) {
				t.Errorf("%d bytes of %d", len(got), len(s))
			}
		}
	})
}
