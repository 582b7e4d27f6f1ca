package challenge_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/internal/challenge"
	"github.com/google/go-cmp/cmp"
)

type params = map[string]string

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fields []string
		want   []challenge.Challenge
	}{
		{"RFC 9110 section 11.6.1", []string{`Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\""`}, []challenge.Challenge{
			{Scheme: "Basic", Params: params{"realm": "simple"}},
			{Scheme: "Newauth", Params: params{"realm": "apps", "type": "1", "title": `Login to "apps"`}},
		}},
		{"RFC 9449 section 9", []string{`DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof"`}, []challenge.Challenge{
			{Scheme: "DPoP", Params: params{"error": "use_dpop_nonce", "error_description": "Resource server requires nonce in DPoP proof"}},
		}},
		{"RFC 9470 section 3", []string{`Bearer error="insufficient_user_authentication", error_description="A different authentication level is required", acr_values="myACR"`}, []challenge.Challenge{
			{Scheme: "Bearer", Params: params{"error": "insufficient_user_authentication", "error_description": "A different authentication level is required", "acr_values": "myACR"}},
		}},
		{"several fields", []string{`Bearer`, ``, `DPoP algs="ES256 PS256"`, " , "}, []challenge.Challenge{
			{Scheme: "Bearer", Params: params{}}, {Scheme: "DPoP", Params: params{"algs": "ES256 PS256"}},
		}},
		{"schemes alone", []string{"Negotiate,NTLM , Bearer"}, []challenge.Challenge{
			{Scheme: "Negotiate", Params: params{}}, {Scheme: "NTLM", Params: params{}}, {Scheme: "Bearer", Params: params{}},
		}},
		{"token68", []string{"Negotiate oYH/+x== , Basic realm=x, NTLM abc"}, []challenge.Challenge{
			{Scheme: "Negotiate", Token68: "oYH/+x==", Params: params{}}, {Scheme: "Basic", Params: params{"realm": "x"}},
			{Scheme: "NTLM", Token68: "abc", Params: params{}},
		}},
		{"one equals sign", []string{"A a=, B a=b"}, []challenge.Challenge{
			{Scheme: "A", Token68: "a=", Params: params{}}, {Scheme: "B", Params: params{"a": "b"}},
		}},
		{"space, empty elements, case", []string{",\t, Bearer   Realm\t=\t\"\" ,, Scope = read ,"}, []challenge.Challenge{
			{Scheme: "Bearer", Params: params{"realm": "", "scope": "read"}},
		}},
		{"empty elements first", []string{"Bearer ,, realm=x"}, []challenge.Challenge{{Scheme: "Bearer", Params: params{"realm": "x"}}}},
		{"comma and scheme in quotes", []string{`Bearer realm="a, Basic realm=\\", x="é"`}, []challenge.Challenge{
			{Scheme: "Bearer", Params: params{"realm": `a, Basic realm=\`, "x": "é"}},
		}},
		{"nothing", nil, nil},
	} {
		got, err := challenge.Parse(tc.fields...)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", tc.name, err, diff)
		}
	}
}

func TestParseErrors(t *testing.T) {
	many := strings.Repeat("hunter2, ", challenge.MaxChallenges+1)
	var wide strings.Builder
	wide.WriteString("Bearer ")
	for i := range challenge.MaxParams + 1 {
		fmt.Fprintf(&wide, "hunter%d=x, ", i)
	}
	for field, want := range map[string]string{
		`"hunter2"`:                             "field 2, character 1: want a scheme",
		`realm="hunter2"`:                       "field 2, character 6: want a scheme",
		`Bearer, realm="hunter2"`:               "field 2, character 14: want a scheme",
		`Bearer/1`:                              "field 2, character 7: want a scheme",
		"Bearer\trealm=x":                       "field 2, character 7: want a scheme",
		`Bearer hunter2 hunter2`:                "field 2, character 8: want a value",
		`Bearer "hunter2"`:                      "field 2, character 8: want a value",
		`Bearer realm="a" scope="b"`:            "field 2, character 18: want a comma or the end",
		`Bearer realm="a"scope="b"`:             "field 2, character 17: want a comma or the end",
		`Bearer realm=hunter2/x`:                "field 2, character 21: want a comma or the end",
		`Bearer realm=, scope=hunter2`:          "field 2, character 21: want a scheme",
		`Bearer a=b, realm=, x=y`:               "field 2, character 19: want a value",
		`Bearer realm="hunter2`:                 "field 2, character 22: the quoted text has no end",
		`Bearer realm="hunter2\`:                "field 2, character 22: the quoted text has no end",
		"Bearer realm=\"hunter2\n\"":            "field 2, character 22: the quoted text has a character that it must not have",
		`Bearer realm=a, REALM=b`:               "field 2, character 23: the parameter is there twice",
		many:                                    "there are more than 64 challenges",
		wide.String():                           "field 2, character 775: the challenge has more than 64 parameters",
		strings.Repeat(" ", challenge.MaxBytes): "challenges have more than 65536 bytes",
	} {
		got, err := challenge.Parse("Basic", field)
		if got != nil || err == nil || err.Error() != want {
			t.Errorf("%.40q: got %v, %v, want %s", field, got, err, want)
		}
	}
}

func TestFind(t *testing.T) {
	all, err := challenge.Of(http.Header{"Www-Authenticate": {"bearer a=1", "BEARER a=2, DPoP"}})
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := challenge.Find(all, "Bearer"); !ok || c.Params["a"] != "1" {
		t.Errorf("got %v, %t, want the first", c, ok)
	}
	if _, ok := challenge.Find(all, "Basic"); ok {
		t.Error("found a scheme that is not there")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\""`)
	f.Add("Negotiate oYH/+x== , Basic realm=x, NTLM abc")
	f.Add(`Bearer realm="a\`)
	f.Add(", , a=")
	f.Fuzz(func(t *testing.T, field string) {
		all, err := challenge.Parse(field)
		if err != nil {
			if all != nil {
				t.Fatalf("got %v and %v", all, err)
			}
			return
		}
		// What was read can be written and read again.
		var fields []string
		for _, c := range all {
			fields = append(fields, write(c))
		}
		again, err := challenge.Parse(strings.Join(fields, ", "))
		if diff := cmp.Diff(all, again); diff != "" || err != nil {
			t.Fatalf("read again: %v (-want +got):\n%s", err, diff)
		}
	})
}

func write(c challenge.Challenge) string {
	if c.Token68 != "" {
		return c.Scheme + " " + c.Token68
	}
	var list []string
	for name, value := range c.Params {
		list = append(list, name+`="`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)+`"`)
	}
	return strings.TrimSpace(c.Scheme + " " + strings.Join(list, ", "))
}
