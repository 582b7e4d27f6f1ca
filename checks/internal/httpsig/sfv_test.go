package httpsig

import (
	"reflect"
	"strings"
	"testing"
)

// The examples of RFC 9651 sections 3 and 4, and what they are in strict form.
func TestDictionary(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "",
		"  ":                                     "",
		`en="Applepie", da=:w4ZibGV0w6ZydGU=:`:   `en="Applepie", da=:w4ZibGV0w6ZydGU=:`,
		"a=?0, b, c; foo=bar":                    "a=?0, b, c;foo=bar",
		"rating=1.5, feelings=(joy sadness)":     "rating=1.5, feelings=(joy sadness)",
		"a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid": "a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid",
		"foo=1,\t bar=2 ":                        "foo=1, bar=2",
		"a=1,b=2,a=3":                            "a=3, b=2",
		"a;x=1;y=2;x=3":                          "a;x=3;y=2",
		"a=?1;x":                                 "a;x",
		"a=(  1   2  );q=1.0":                    "a=(1 2);q=1.0",
		"a=()":                                   "a=()",
		`a="q\"b\\s"`:                            `a="q\"b\\s"`,
		"a=-0.250, b=0.1, c=10.0, d=-7":          "a=-0.25, b=0.1, c=10.0, d=-7",
		"a=999999999999999, b=-999999999999.999": "a=999999999999999, b=-999999999999.999",
		"a=*/t:o, b=@1659578233":                 "a=*/t:o, b=@1659578233",
		"a=:YQ:, b=::":                           "a=:YQ==:, b=::",
		"*x.y-z_1=1":                             "*x.y-z_1=1",
	} {
		d, err := parseDictionary(text)
		if err != nil || d.String() != want {
			t.Errorf("%s: got %s, %v, want %s", text, d, err, want)
		}
	}
}

func TestDictionaryMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"A=1":                      "want a key at character 1",
		"a=1,":                     "want another member at character 5",
		"a=1 b=2":                  "want a comma at character 5",
		",":                        "want a key at character 1",
		"a=":                       "want a value at character 3",
		"a=(1":                     "want a space or a closing parenthesis at character 5",
		"a=(1 ":                    "want a space or a closing parenthesis at character 5",
		"a=(1,2)":                  "want a space or a closing parenthesis at character 5",
		"a=(1 (2))":                "want a value at character 6",
		`a="b`:                     "want a closing quote at character 5",
		`a="\b"`:                   "want a quote or a backslash at character 5",
		"a=\"\n\"":                 "want printable ASCII before character 5",
		"a=:YQ":                    "want a closing colon at character 4",
		"a=:Y!:":                   "want base64 before character 7",
		"a=:YQ\n=\n=:":             "want base64 before character 11",
		"a=?2":                     "want 0 or 1 at character 4",
		"a=-":                      "want 1 to 15 digits before character 4",
		"a=1234567890123456":       "want 1 to 15 digits before character 19",
		"a=1.":                     "want at most 12 digits, a point and 1 to 3 digits before character 5",
		"a=1.2345":                 "want at most 12 digits, a point and 1 to 3 digits before character 9",
		"a=1234567890123.1":        "want at most 12 digits, a point and 1 to 3 digits before character 18",
		"a=@1.5":                   "want a whole number before character 7",
		"a=%\"x\"":                 "want a value at character 3",
		"a;":                       "want a key at character 3",
		"a;b=":                     "want a value at character 5",
		strings.Repeat("a", 65537): "it has 65537 bytes, want at most 65536",
	} {
		if _, err := parseDictionary(text); err == nil || err.Error() != want {
			t.Errorf("%.20q: got %v, want %s", text, err, want)
		}
	}
}

// What is read is written so that it is read as the same.
func FuzzDictionary(f *testing.F) {
	for _, seed := range []string{
		"", "a", "a=1, b=-2.5;x", `a="b\"c", d=(e f;g=:AA==: "h");i=?0`, "a=@5,\tb=*t", "a=1,", "a=:", "a=(", "a=-999999999999.999",
		`sig1=("@method" "@query-param";name="Pet");created=1618884473;keyid="k"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDictionary(text)
		if err != nil {
			return
		}
		again, err := parseDictionary(d.String())
		if err != nil || !reflect.DeepEqual(d, again) {
			t.Errorf("%q is %#v, written as %q it is %#v, %v", text, d, d, again, err)
		}
	})
}

// A component that is read is printed in the form of the RFC, which is read as
// the same.
func FuzzComponent(f *testing.F) {
	for _, seed := range []string{"date", "@path", "@query-param;name=a%20b", `"x";key="y"`, "x;bs", "X;key=\"y", "priority;sf", "@", ";", `"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseComponent(text)
		if err != nil {
			return
		}
		again, err := parseComponent(c.String())
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("%q is %#v, written as %s it is %#v, %v", text, c, c, again, err)
		}
	})
}
