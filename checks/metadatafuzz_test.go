package checks

import (
	"net/http"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/internal/jsonvalue"
)

// FuzzMetadata reads any answer as the metadata of an issuer: what passes is an object of that
// issuer, letter by letter, whose endpoints can be gone to; what does not is a failure, which
// names a member and repeats nothing of the answer.
func FuzzMetadata(f *testing.F) {
	const issuer = "https://id.bank.example/realms/retail"
	const good = `{"issuer":"` + issuer + `","authorization_endpoint":"https://id.bank.example/a","token_endpoint":"https://id.bank.example/t","jwks_uri":"https://id.bank.example/k"}`
	for _, s := range []string{
		good, "", "{}", "[]", "null", `"` + answerText + `"`, `{"error":"` + answerText + `"}`, `{"issuer":"` + answerText + `"}`, `{"issuer":["` + answerText + `"]}`,
		strings.Replace(good, issuer, issuer+"/", 1), strings.Replace(good, "https:", "http:", 1), strings.Replace(good, "id.bank", answerText+".bank", 1),
		strings.Replace(good, "https://id.bank.example/a", "//"+answerText, 1), strings.Replace(good, "https://id.bank.example/a", "ftp://"+answerText, 1),
		strings.Replace(good, "https://id.bank.example/a", "https://"+answerText+":x/", 1), strings.Replace(good, "https://id.bank.example/a", "https://a:"+answerText+"@b/", 1),
		strings.Replace(good, `"https://id.bank.example/a"`, `{"`+answerText+`":1}`, 1), strings.Replace(good, "https://id.bank.example/a", "https://a/#"+answerText, 1),
		strings.Replace(good, "https://id.bank.example/a", "%"+answerText, 1), strings.Replace(good, "https://id.bank.example/a", "", 1), `{"issuer":"x","issuer":"` + issuer + `"}`,
	} {
		f.Add(200, s)
	}
	f.Add(404, "<p>"+answerText)
	f.Add(400, `{"error":"`+answerText+`"}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		s := &Session{flow: &compiled{}, vars: map[string]any{}, answer: answer{status: status, header: http.Header{}, body: []byte(body)}}
		object, err := s.object(http.StatusOK)
		if err == nil {
			err = vetMetadata(object, issuer)
		}
		if err != nil {
			if _, ok := err.(*failure); !ok || strings.Contains(err.Error(), answerText) || len(err.Error()) > 500 {
				t.Fatalf("it fails with %T: %v", err, err)
			}
			return
		}
		read, err := jsonvalue.Decode([]byte(body))
		if err != nil || status != http.StatusOK || read.(map[string]any)["issuer"] != issuer {
			t.Fatalf("it passes with %d: %v", status, err)
		}
		for _, name := range endpointNames {
			if text, ok := object[name].(string); ok {
				if u, err := parseEndpoint(text, name); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
					t.Fatalf("the endpoint %s passes: %q, %v", name, text, err)
				}
			}
		}
	})
}

// FuzzOAuthError reads any answer as a refusal: its code is shown where an RFC has it, and
// nothing else of the answer.
func FuzzOAuthError(f *testing.F) {
	f.Add(400, `{"error":"invalid_grant","error_description":"`+answerText+`"}`, "")
	f.Add(401, "", `Bearer error="invalid_token", error_description="`+answerText+`"`)
	f.Add(401, "", `DPoP error="`+answerText+`"`)
	f.Add(500, `{"error":"server_error"}`, "Basic")
	f.Add(429, `{"error":"slow_down"}`, "")
	f.Add(404, `{"error":["`+answerText+`"]}`, `Bearer "`+answerText)
	f.Add(200, `{"error":"`+answerText+`"}`, "")
	f.Add(-1, "[", "\x00")
	f.Fuzz(func(t *testing.T, status int, body, challenge string) {
		s := &Session{flow: &compiled{}, vars: map[string]any{}, answer: answer{status: status, body: []byte(body),
			header: http.Header{"Www-Authenticate": {challenge}, "Content-Type": {"application/json"}}}}
		err := s.wrongStatus("want 200")
		if _, ok := err.(*failure); !ok || strings.Contains(err.Error(), answerText) || len(err.Error()) > 200 {
			t.Fatalf("it fails with %T: %v", err, err)
		}
	})
}
