package checks

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/authprober/authprober/checks/internal/strict"
)

// answerText stands in the answers of FuzzExpression where a customer's data would.
const answerText = "qX7vZk93"

// FuzzExpression holds that any text is an expression, or a mistake at its place; and that an
// expression, over an answer that has something to hide, ends soon where its time is over, with
// a value or an error that repeats nothing of the answer.
func FuzzExpression(f *testing.F) {
	for _, source := range []string{
		"", " ", "status == 200", "body.token", `body.list[0].id ?? "none"`, `header["Location"] contains "code="`, "account.password",
		"filter(body.list, .id > 1)", "map(1..1000000000, #)", `repeat(text, 1000000000)`, `text matches "^(a+)+$"`, `extract(text, "t=([a-z]+)")`,
		"int(body.token)", "float(body.token)", "duration(body.token)", "date(body.token)", "fromJSON(body.token)", "fromBase64(body.token)", "timezone(body.token)",
		"body.token.x", "body[body.token]", "body[body.token].x", "body.list[body.token]", "body.none[body.token]", "status[body.token]", "text matches body.token + \"(\"", "body[0:1]", "body.token[0:99]", "bool(body.token)", "url_query(location).code", "jwt(body.token)", "let a = body; a.list | count(.id == 1)", "1 / 0", "9223372036854775807 + 1",
		"\"\xff\"", "a\nb\n  c d", "body?.x?.y", "took < duration(\"1s\")", "len(filter(1..999999, let x = #; any(1..999999, # == x * 1.5)))", "reduce(1..999999, #acc + text, text)", "status in [200, 201] and not (text startsWith \"<\")", "{a: [1, {b: 2}]}.a[1].b",
	} {
		f.Add(source, `{"token":"`+answerText+`","list":[{"id":1},{"id":2,"name":"`+answerText+`"}]}`)
	}
	f.Add("body.a.b", "<p>"+answerText)
	f.Fuzz(func(t *testing.T, source, body string) {
		if !utf8.ValidString(source) || strings.ContainsRune(source, 0) {
			return // no file that is read has them
		}
		var file strings.Builder
		file.WriteString("x: |2-\n")
		for line := range strings.SplitSeq(source, "\n") {
			file.WriteString("  " + line + "\n")
		}
		doc := strict.Parse("flow.yaml", []byte(file.String()))
		if doc.Root == nil || len(doc.Root.Content) != 2 {
			return // of characters that YAML has not
		}
		n := doc.Root.Content[1]
		scope := newScope(doc).withAnswer(false)
		p := scope.compile(n, 0, n.Value)
		if (p == nil) != (len(doc.Mistakes) > 0) {
			t.Fatalf("a program %t, and the mistakes %v", p != nil, doc.Mistakes)
		}
		for _, m := range doc.Mistakes {
			if m.File != "flow.yaml" || m.Line < 1 || m.Line > strings.Count(file.String(), "\n")+1 || m.Column < 1 || m.Message == "" {
				t.Fatalf("a mistake without its place: %+v", m)
			}
		}
		if p == nil {
			return
		}
		holdEvaluation(t, p, source, body)
	})
}

func holdEvaluation(t *testing.T, p *program, source, body string) {
	t.Helper()
	s := &Session{flow: &compiled{}, timing: &timing{}, captured: map[string]bool{}, limit: limit{ctx: overCtx()}}
	s.answer = answer{status: 200, header: http.Header{"Location": {"https://bank.example/?code=" + answerText}}, body: []byte(body)}
	s.vars = map[string]any{"status": 200, "header": s.answer.header, "text": body, "location": "https://bank.example/?code=" + answerText,
		"took": s.answer.took, "step": "login", "check": "retail-login", "body": nil}
	v, err := s.evalAnswer(p)
	switch {
	case err == nil:
	case v != nil:
		t.Fatalf("a value of type %T and the error %v", v, err)
	case !strings.Contains(source, answerText) && strings.Contains(err.Error(), answerText):
		t.Fatalf("the error repeats the answer: %v", err)
	case len(err.Error()) > 2*len(source)+500:
		t.Fatalf("an error of %d bytes for an expression of %d", len(err.Error()), len(source))
	}
}
