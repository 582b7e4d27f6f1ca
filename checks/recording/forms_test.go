package recording_test

import (
	"strings"
	"testing"
)

// A form that is not quite one keeps its fields, and says what was made of it.
func TestOddForms(t *testing.T) {
	form := func(body string) entry {
		return entry{method: "POST", url: "https://a.example/login", mime: "application/x-www-form-urlencoded", body: body}
	}
	for name, c := range map[string]struct {
		entry
		want []string
	}{
		"semicolons":         {form("lang=de; username=dave;password=zebra"), []string{"lang: de\n", "password: ${{ account.password }}\n", "username: ${{ account.username }}\n", "# decide: this form had ;"}},
		"semicolon at end":   {form("lang=de;pin=zebra;"), []string{"pin: ${{ account.pin }}\n", "# decide: this form had ;"}},
		"within a value":     {form("lang=de;at&pin=zebra"), []string{"lang: de;at\n", "pin: ${{ account.pin }}\n"}},
		"mixed":              {form("lang=de;pin=zebra&a=b"), []string{"lang: ${{ secrets.lang }}\n", "# decide: a text"}},
		"malformed":          {form("a=%ZZ&pin=zebra%ZZ"), []string{"a: \"%ZZ\"\n", "pin: ${{ account.pin }}\n", "# decide: this form was badly escaped"}},
		"malformed at end":   {form("pin=zebra&a=100%"), []string{"a: \"100%\"\n", "# decide: this form was badly escaped"}},
		"malformed in query": {entry{method: "GET", url: "https://a.example/x?a=%ZZ&pin=zebra"}, []string{"pin: ${{ account.pin }}\n", "# decide: the recorded URL was badly escaped"}},
		"malformed in path":  {entry{method: "GET", url: "https://a.example/x%ZZ/y?pin=zebra"}, []string{"# decide: the recorded URL was badly escaped"}},
	} {
		t.Run(name, func(t *testing.T) {
			flow := draftOfEntry(t, c.entry)
			for _, want := range c.want {
				if !strings.Contains(flow, want) {
					t.Errorf("want %s in\n%s", want, flow)
				}
			}
			if strings.Contains(flow, "zebra") {
				t.Errorf("got\n%s", flow)
			}
		})
	}
	if flow := draftOfEntry(t, form("a=b%20c&d=%C3%A4")); strings.Contains(flow, "badly") || strings.Contains(flow, "had ;") {
		t.Errorf("a form like any other: got\n%s", flow)
	}
}
