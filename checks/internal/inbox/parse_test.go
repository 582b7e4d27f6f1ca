package inbox

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// letter joins lines as mails have them.
func letter(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n")) }

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, want string
		raw        []byte
	}{
		{"plain", "Your code is 123456\n", letter("Subject: x", "", "Your code is 123456", "")},
		{"no body", "", letter("Subject: x", "", "")},
		{"header alone", "", letter("Subject: x", "")},
		{"base64", "Ihr Code: 123456\n", letter("Subject: x", "Content-Transfer-Encoding: base64", "Content-Type: text/plain; charset=utf-8", "", "SWhyIENvZGU6IDEyMzQ1Ngo=")},
		{"base64 cut short", "Ihr Code:", letter("Subject: x", "Content-Transfer-Encoding: base64", "", "SWhyIENvZGU6ID", "E")},
		{"quoted-printable", "Grüße, code=123456, ein langer Satz\n", letter("Subject: x", "Content-Transfer-Encoding: quoted-printable", "Content-Type: text/plain; charset=iso-8859-1", "", "Gr=FC=DFe, code=3D123456, ein =", "langer Satz", "")},
		{"quoted-printable, broken", "code 12=ZZ", letter("Subject: x", "Content-Transfer-Encoding: quoted-printable", "", "code 12=ZZ")},
		{"windows-1251", "код 1", letter("Subject: x", "Content-Type: text/plain; charset=windows-1251", "", "\xea\xee\xe4 1")},
		{"unknown charset", "code 1\uFFFD", letter("Subject: x", "Content-Type: text/plain; charset=x-nobody-knows", "", "code 1\xff")},
		{"unknown encoding", "code 1", letter("Subject: x", "Content-Transfer-Encoding: x-odd", "", "code 1")},
		{"no UTF-8", "code\uFFFD 1", letter("Subject: x", "", "code\xff 1")},
		{"alternative", "code 1", letter("Subject: x", `Content-Type: multipart/alternative; boundary="b"`, "", "preamble", "--b", "Content-Type: text/plain", "", "code 1", "--b", "Content-Type: text/html", "", "<b>code 2</b>", "--b--", "")},
		{"empty plain text", "code 2", letter("Subject: x", `Content-Type: multipart/alternative; boundary="b"`, "", "--b", "Content-Type: text/plain", "", " ", "--b", "Content-Type: text/html", "", "<b>code 2</b>", "--b--", "")},
		{"never closed", "code 1", letter("Subject: x", `Content-Type: multipart/mixed; boundary="b"`, "", "--b", "", "code 1")},
		{"no boundary", "", letter("Subject: x", "Content-Type: multipart/mixed", "", "--b", "", "code 1")},
		{"attachment", "code 1", letter("Subject: x", `Content-Type: multipart/mixed; boundary="b"`, "", "--b", "Content-Disposition: attachment; filename=a.txt", "", "code 2", "--b", "", "code 1", "--b--", "")},
		{"within", "a\nb", letter("Subject: x", `Content-Type: multipart/mixed; boundary="b"`, "", "--b", `Content-Type: multipart/related; boundary="c"`, "", "--c", "", "a", "--c--", "--b", "", "b", "--b--", "")},
		{"html", "Hello you\nYour code 12 34\nLog in <https://bank.example/in?t=1&x=2>", letter("Subject: x", "Content-Type: text/html", "", "<head><title>no</title><style>p {x: 654321}</style></head><p>Hello <b>you</b><p>Your\ncode 12&nbsp;34<!-- 9 --><br><a href='https://bank.example/in?t=1&amp;x=2'>Log in</a>")},
		{"odd type", "code 1", letter("Subject: x", "Content-Type: ;;;", "", "code 1")},
		{"json", "", letter("Subject: x", "Content-Type: application/json", "", "{}")},
	} {
		m, err := Parse(test.raw)
		if err != nil || m.Text != test.want {
			t.Errorf("%s: got %+v, %v, want %q", test.name, m, err, test.want)
		}
	}
	for _, raw := range []string{"", "\r\n\r\nx", "no colon\r\n\r\nx", "A: " + strings.Repeat("x", maxHeader+1) + "\r\n\r\n"} {
		if m, err := Parse([]byte(raw)); err != ErrNoMail {
			t.Errorf("%.20q: got %+v, %v", raw, m, err)
		}
	}
}

func TestParseHeader(t *testing.T) {
	m, err := Parse(letter("subject: =?utf-8?q?Ihr_Zugangscode_f=C3=BCr?=", " =?iso-8859-1?q?_M=FCller?=", "X-Odd: =?utf-8?q?=ZZ?= \xff", "X-Code: 123", "X-Code: 456", "", "x"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Header.Get("Subject"), "Ihr Zugangscode für Müller"; got != want {
		t.Errorf("got subject %q, want %q", got, want)
	}
	if got := m.Header["X-Code"]; len(got) != 2 || got[0] != "123" {
		t.Errorf("got %q, want both fields in their order", got)
	}
	if got := m.Header.Get("X-Odd"); !utf8.ValidString(got) {
		t.Errorf("got %q, which is no UTF-8", got)
	}
}

// A text is cut at its limit, between characters, and a mail of very many parts or
// levels is left alone.
func TestParseLimits(t *testing.T) {
	m, err := Parse(append(letter("Subject: x", "Content-Type: text/plain; charset=utf-8", "", "a"), strings.Repeat("é", MaxText)...))
	if err != nil || len(m.Text) > MaxText || len(m.Text) < MaxText-4 {
		t.Errorf("got %d bytes of text, %v, want about %d", len(m.Text), err, MaxText)
	}
	var b strings.Builder
	write(&b, strings.Repeat("é", MaxText/2-1)+"x")
	if write(&b, "éé"); b.Len() > MaxText || !utf8.ValidString(b.String()) {
		t.Errorf("got %d bytes, valid: %v", b.Len(), utf8.ValidString(b.String()))
	}
	deep := "Subject: x\r\n"
	for i := range 50 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	if m, err = Parse([]byte(deep + "\r\ncode 1")); err != nil || m.Text != "" {
		t.Errorf("got %+v, %v", m, err)
	}
	many := "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 2*maxParts)
	if m, err = Parse([]byte(many)); err != nil || strings.Count(m.Text, "x") >= maxParts || strings.Count(m.Text, "x") < maxParts/2 {
		t.Errorf("got %d parts, %v", strings.Count(m.Text, "x"), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(letter("Subject: x", "", "Your code is 123456"))
	f.Add(letter("Subject: =?utf-8?b?w7w=?=", `Content-Type: multipart/alternative; boundary="b"`, "", "--b", "Content-Type: text/html; charset=gb18030", "Content-Transfer-Encoding: base64", "", "PGEgaHJlZj14Pg==", "--b--"))
	f.Add(letter("Subject: x", "Content-Type: text/html", "", "<a href=x><title><script>"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := Parse(raw)
		if (m == nil) == (err == nil) {
			t.Fatalf("got %v, %v", m, err)
		}
		if m == nil {
			return
		}
		if !utf8.ValidString(m.Text) || len(m.Text) > MaxText {
			t.Errorf("got %d bytes of text, valid: %v", len(m.Text), utf8.ValidString(m.Text))
		}
		for name, values := range m.Header {
			for _, v := range values {
				if !utf8.ValidString(v) {
					t.Errorf("the field %q is %q, no UTF-8", name, v)
				}
			}
		}
		f := Filter{To: "a@bank.example", From: "bank", Subject: "code"}
		f.passes(raw)
	})
}
