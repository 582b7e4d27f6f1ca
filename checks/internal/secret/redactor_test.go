package secret_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/authprober/authprober/checks/internal/secret"
)

func TestRedact(t *testing.T) {
	for _, tc := range []struct {
		name, secrets, in, want string // secrets are separated by spaces
	}{
		{"none known", "", "login refused", "login refused"},
		{"none there", "hunter2", "login refused", "login refused"},
		{"empty text", "hunter2", "", ""},
		{"plain", "hunter2", "password hunter2 refused", "password [secret] refused"},
		{"all of it", "hunter2", "hunter2", "[secret]"},
		{"twice", "hunter2", "hunter2hunter2 hunter2", "[secret] [secret]"},
		{"within a word", "hunter2", "xhunter2y", "x[secret]y"},
		{"another case", "hunter2", "HUNTER2", "HUNTER2"},
		{"overlapping", "abcdef defghi", "abcdefghi", "[secret]"},
		{"one in another", "pass password1", "password1 passport", "[secret] [secret]port"},
		{"overlaps itself", "abab", "ababab-abab", "[secret]-[secret]"},
		{"longer first", "abcdefgh abcd", "abcdefgx", "[secret]efgx"},
		{"four bytes", "a1b2", "a1b2c3", "[secret]c3"},
		{"not UTF-8", "a\xff\xfeb", "x a\xff\xfeb", "x [secret]"},

		{"in a Mark", "secret", "it was [secret] secret", "it was [secret] [secret]"},
		{"around a Mark", "x[secret]", "x[secret] [secret]", "[secret] [secret]"},

		{"PIN alone", "123", "pin 123, 1234, 0123, x123y", "pin [secret], 1234, 0123, x[secret]y"},
		{"PIN at the ends", "12", "12 and 12", "[secret] and [secret]"},
		{"PIN, all", "7", "7", "[secret]"},
		{"short word", "abc", "abc abcd 1abc abc. _abc", "[secret] abcd 1abc [secret]. _[secret]"},
		{"short, in base64", "123", "MTIz xMTIz", "[secret] xMTIz"},
		{"short, in hexadecimal", "123", "313233 3132334", "[secret] 3132334"},
		{"short, as a form", "a&b", "x=a%26b&y=1", "x=[secret]&y=1"},

		{"JSON", `a"b\c<é`, `{"p":"a\"b\\c<é"}`, `{"p":"[secret]"}`},
		{"JSON, more escaped", `a"b\c<é`, `{"p":"a\u0022b\u005Cc\u003c\u00e9"}`, `{"p":"[secret]"}`},
		{"JSON, slash", "ab/cd", `"ab\/cd"`, `"[secret]"`},
		{"JSON, surrogates", "pässword😀x", `"p\u00e4ssword\ud83d\ude00x!"`, `"[secret]!"`},
		{"JSON, all escaped", "abcd", `\u0061\u0062\u0063\u0064\u0065`, `[secret]\u0065`},
		{"JSON in JSON", `a"bc`, `"{\"p\":\"a\\\"bc\"}"`, `"{\"p\":\"[secret]\"}"`},
		{"broken JSON escapes", "abcd", `\u00 \uZZZZ \ud83d \ abcd \`, `\u00 \uZZZZ \ud83d \ [secret] \`},

		{"query", "p&q=r+s", "?x=p%26q%3Dr%2Bs&y=1", "?x=[secret]&y=1"},
		{"query, lower case", "p&q=r+s", "?x=p%26q%3dr%2bs&y=1", "?x=[secret]&y=1"},
		{"query, more escaped", "abcd~", "%61%62c%64%7E", "[secret]"},
		{"path", "p q+r/s", "/x/p%20q+r%2Fs/y", "/x/[secret]/y"},
		{"JSON in a form", `a"b`, "j=%7B%22p%22%3A%22a%5C%22b%22%7D", "j=%7B%22p%22%3A%22[secret]%22%7D"},
		{"a form in JSON", "a&b=<c", `"p=a%26b%3D\u0025\u0033\u0043c"`, `"p=[secret]"`},
		{"broken percents", "abcd", "100% %zz %4 abcd %", "100% %zz %4 [secret] %"},

		{"HTML", `a"b<c>&'d`, `<input value="a&#34;b&lt;c&gt;&amp;&#39;d">`, `<input value="[secret]">`},
		{"HTML, other references", `a"b'c+d`, `a&quot;b&#x27;c&#43;d`, `[secret]`},
		{"ampersands", "abcd", "a&b;c &; & abcd &abcd;", "a&b;c &; & [secret] &[secret];"},

		{"base64", "hunter2", "x aHVudGVyMg== y", "x [secret] y"},
		{"base64, raw", "hunter2", "x aHVudGVyMg y", "x [secret] y"},
		{"Basic credentials", "hunter2", "Basic dXNlcjpodW50ZXIy", "Basic dXNlcj[secret]"},
		{"base64 in a query", "\xfb\xef\xbe\xff", "k=%2B%2B%2B%2B%2Fw%3D%3D", "k=[secret]"},
		{"base64, URL", "\xfb\xef\xbe\xff", "k=----_w", "k=[secret]"},
		{"hexadecimal", "hunter2", "68756e74657232 68756E74657232", "[secret] [secret]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			secrets := strings.Split(tc.secrets, " ")
			if strings.Contains(tc.name, "path") {
				secrets = []string{tc.secrets}
			}
			r := secret.NewRedactor(secrets...)
			got := r.Redact(tc.in)
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if again := r.Redact(got); again != got {
				t.Errorf("redacted twice: got %s, want %s", again, got)
			}
		})
	}
}

func TestRedactBasic(t *testing.T) {
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		for n := range 12 {
			for m := range 6 {
				const pass = "Zw~?ÿü+9"
				user := strings.Repeat("u", n)
				in := enc.EncodeToString([]byte(user + ":" + pass + strings.Repeat("~", m)))
				got := secret.NewRedactor(pass).Redact(in)
				if !strings.Contains(got, secret.Mark) {
					t.Fatalf("%q is left as it is", in)
				}
				// What is left in front must be of the user and the colon only.
				front, _, _ := strings.Cut(got, secret.Mark)
				if len(front)*6 > (n+1)*8 {
					t.Errorf("%q: %q holds bits of the secret", in, front)
				}
			}
		}
	}
}

func TestRedactPart(t *testing.T) {
	for _, tc := range []struct{ secret, in, want string }{
		{"hunter2-Tr0ub4dor", `{"p":"hunter2-T`, `{"p":"[secret]`},
		{"hunter2-Tr0ub4dor", `{"p":"hunt`, `{"p":"[secret]`},
		{"hunter2-Tr0ub4dor", `{"p":"hun`, `{"p":"hun`},
		{"hunter2-Tr0ub4dor", `{"p":"hunt x`, `{"p":"hunt x`},
		{"hunter2-Tr0ub4dor", `{"p":"hunter2-Tr0ub4dor", "hun`, `{"p":"[secret]", "hun`},
		{"1234", "code 12", "code [secret]"},
		{"1234", "code 1", "code 1"},
		{"123456", "code 123", "code [secret]"},
		{"123", "code 12", "code [secret]"},
		{"123", "code 412", "code 412"},
		{`hunter"2é😀xyz`, `"hunter\`, `"[secret]`},
		{`hunter"2é😀xyz`, `"hunter\u00`, `"[secret]`},
		{`hunter"2é😀xyz`, `"hunter\"2\u00e9\ud83d`, `"[secret]`},
		{`hunter"2é😀xyz`, `p=hunter%`, `p=[secret]`},
		{`hunter"2é😀xyz`, `p=hunter%222%C`, `p=[secret]`},
		{`hunter"2é😀xyz`, `p=hunter%5C%2`, `p=[secret]`},
		{`hunter"2é😀xyz`, `value="hunter&quo`, `value="[secret]`},
		{"hunter2-Tr0ub4dor", "Basic aHVudGVy", "Basic [secret]"},
	} {
		if got := secret.NewRedactor(tc.secret).RedactPart(tc.in); got != tc.want {
			t.Errorf("%q in %s: got %s, want %s", tc.secret, tc.in, got, tc.want)
		}
	}
	if got, want := secret.NewRedactor("password1").Redact("wrong pass"), "wrong pass"; got != want {
		t.Errorf("a whole text: got %q, want %q", got, want)
	}
}

func TestRedactCut(t *testing.T) {
	r := secret.NewRedactor("hunter2", strings.Repeat("long", 4000))
	for _, tc := range []struct {
		in    string
		limit int
		want  string
	}{
		{"short", 10, "short"},
		{"exactly10!", 10, "exactly10!"},
		{"more than that", 10, "more th…"},
		{"naïve", 5, "na…"},
		{"hunter2", 8, "[secret]"},
		{"hunter2", 7, "…"},
		{"xxhunter2 and more", 11, "xx…"},
		{"xxhunter2 and more", 13, "xx[secret]…"},
		{"xxxxhunter2", 8, "xxxx…"},
		{"abc", 2, "ab"},
		{"abc", 0, ""},
		{"abc", -1, ""},
		{"x " + strings.Repeat("long", 4000), 20, "x [secret]"},
		{"x " + strings.Repeat("long", 4000), 9, "x …"},
		{"x" + strings.Repeat(".", 10000), 4, "x…"},
	} {
		if got := r.RedactCut(tc.in, tc.limit); got != tc.want {
			t.Errorf("%.20q to %d bytes: got %q, want %q", tc.in, tc.limit, got, tc.want)
		}
	}
}

func TestDerive(t *testing.T) {
	base := secret.NewRedactor("password1")
	run := base.Derive()
	run.Add("token-42")
	base.Add("password2")
	const in = "password1 token-42 password2"
	if got, want := base.Redact(in), "[secret] token-42 [secret]"; got != want {
		t.Errorf("base: got %q, want %q", got, want)
	}
	if got, want := run.Redact(in), "[secret] [secret] [secret]"; got != want {
		t.Errorf("derived: got %q, want %q", got, want)
	}
	if got, want := fmt.Sprintf("%v %+v %#v", base, run, base), "[redactor] [redactor] [redactor]"; got != want {
		t.Errorf("printed: got %q, want %q", got, want)
	}
}

// A secret is found in a text whatever shorter texts were asked about before, in which
// it could not be.
func TestRedactAfterShorterTexts(t *testing.T) {
	for _, tc := range []struct{ name, secret, in, want string }{
		{"as it is", "2YotnFZFEjr1zCsicMWpAA", "token 2YotnFZFEjr1zCsicMWpAA", "token [secret]"},
		{"nothing else", "2YotnFZFEjr1zCsicMWpAA", "2YotnFZFEjr1zCsicMWpAA", "[secret]"},
		{"within base64, the shortest", "abcd", base64.RawStdEncoding.EncodeToString([]byte("xabcdx")), "e[secret]4"},
		{"in hexadecimal", "2YotnFZFEj", hex.EncodeToString([]byte("2YotnFZFEj")), "[secret]"},
		{"a reference as long as its character", "≫≫≫≫", "&Gt;&gg;≫&Gt;", "[secret]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := secret.NewRedactor("pin-0042").Derive()
			r.Add(tc.secret)
			for n := range len(tc.in) {
				r.Redact(strings.Repeat("-", n))
				r.Add("another of some length")
			}
			if got := r.Redact(tc.in + " pin-0042"); got != tc.want+" [secret]" {
				t.Errorf("got %q, want %q", got, tc.want+" [secret]")
			}
			if got := r.RedactPart("another of"); got != "[secret]" {
				t.Errorf("a part: got %q, want it redacted", got)
			}
		})
	}
}

func TestRedactManySecrets(t *testing.T) {
	r := secret.NewRedactor()
	var in strings.Builder
	for i := range 1000 {
		s := fmt.Sprintf("pw-%d-%x", i, i*7919)
		r.Add(s)
		fmt.Fprintf(&in, "<%s>", s)
		if i%250 == 0 && strings.Contains(r.Redact(in.String()), "pw-") {
			t.Fatalf("with %d secrets, one is missed", i+1)
		}
	}
	if got := r.Redact(in.String()); got != strings.Repeat("<[secret]>", 1000) {
		t.Errorf("got %.200s", got)
	}
}

func TestRedactConcurrently(t *testing.T) {
	base := secret.NewRedactor("password1")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			run := base.Derive()
			for j := range 50 {
				token := fmt.Sprintf("token-%d-%d", i, j)
				run.Add(token)
				base.Add(token + "x")
				if got, want := run.Redact("a "+token+" password1"), "a [secret] [secret]"; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzRedact holds that no encoding of a secret gets through, whatever is around
// it. What is left is read between the Marks, as Marks may be next to anything.
func FuzzRedact(f *testing.F) {
	f.Add("hunter2", "user:", " refused", "other secret")
	f.Add(`a"b\c<é`, `{"p":"`, `"}`, "[sec")
	f.Add("p&q=r+s %41", "?x=", "&y", "s %4")
	f.Add("1234", "12", "34", "3412")
	f.Add("secret", "[secret]", "[", "ret]")
	f.Add(`\u00`, `\`, `\\`, "&amp;")
	f.Fuzz(func(t *testing.T, s, before, after, other string) {
		if len(s) < 4 || len(s)+len(before)+len(after)+len(other) > 1000 {
			return
		}
		r := secret.NewRedactor(s, other)
		r.Add(other, "")
		quoted := func(s string) string { b, _ := json.Marshal(s); return string(b[1 : len(b)-1]) }
		if !utf8.ValidString(s) {
			quoted = func(s string) string { return s }
		}
		for name, enc := range map[string]func(string) string{
			"plain": func(s string) string { return s },
			"json":  quoted,
			"json twice": func(s string) string {
				return quoted(quoted(s))
			},
			"query":     url.QueryEscape,
			"path":      url.PathEscape,
			"json form": func(s string) string { return url.QueryEscape(quoted(s)) },
			"form json": func(s string) string { return quoted(url.QueryEscape(s)) },
			"html":      html.EscapeString,
			"hex":       func(s string) string { return hex.EncodeToString([]byte(s)) },
			"base64":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
			"url64":     func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
			"basic":     func(s string) string { return base64.StdEncoding.EncodeToString([]byte("user:" + s)) },
		} {
			e := enc(s)
			if name != "basic" && len(e) >= 4 && strings.Contains(secret.Mark, e) {
				continue
			}
			in := before + " " + e + " " + after
			out := r.Redact(in)
			for _, piece := range strings.Split(out, secret.Mark) {
				if strings.Contains(piece, e) || strings.Contains(piece, s) {
					t.Fatalf("%s: %q in %q gives %q", name, s, in, out)
				}
			}
			for limit := range min(len(out)+4, 40) {
				short := r.RedactCut(in, limit)
				if len(short) > limit {
					t.Fatalf("%q cut to %d bytes gives %q", in, limit, short)
				}
				for _, piece := range strings.Split(short, secret.Mark) {
					if strings.Contains(piece, s) {
						t.Fatalf("%s: %q in %q gives %q", name, s, in, short)
					}
				}
			}
			_ = r.RedactPart(in[:len(in)-len(after)/2])
		}
	})
}

func BenchmarkRedact(b *testing.B) {
	body := strings.Repeat(`{"error":"invalid_grant","error_description":"the code has expired"} `, 60)
	for _, n := range []int{3, 3000} {
		r := secret.NewRedactor()
		for i := range n {
			r.Add(fmt.Sprintf("password-%d-%x", i, i*7919))
		}
		r.Redact("")
		for name, in := range map[string]string{"clean": body, "escaped": strings.ReplaceAll(body, `"`, `\"`)} {
			b.Run(fmt.Sprintf("%s/secrets=%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(len(in)))
				b.ReportAllocs()
				for b.Loop() {
					r.Redact(in)
				}
			})
		}
	}
}
