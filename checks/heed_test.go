package checks

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// overCtx is the context of a run that has used up its time.
func overCtx() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(prober.ErrTimeout)
	return ctx
}

// compileOver compiles an expression over an answer.
func compileOver(t testing.TB, source string) *program {
	t.Helper()
	doc := strict.Parse("flow.yaml", []byte("x: |2-\n  "+source+"\n"))
	p := newScope(doc).withAnswer(false).compile(doc.Root.Content[1], 0, source)
	if p == nil {
		t.Fatalf("%s: %v", source, doc.Mistakes)
	}
	return p
}

// longList is of numbers of which none is the half of another.
func longList(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = float64(i) + 0.7
	}
	return list
}

// What would take hours over a large answer ends when its time is over, as our own fault; or
// aborted, where the prober stops.
func TestExpressionHeedsItsTime(t *testing.T) {
	list := longList(300_000)
	words := make([]any, len(list))
	for i := range words {
		words[i] = "zz"
	}
	vars := map[string]any{"body": map[string]any{"list": list, "words": words}, "text": string(make([]byte, 1<<20))}
	for _, source := range []string{
		"filter(body.list, let x = #; any(body.list, # == x + 0.1)) == []",
		"map(body.list, let x = #; count(body.list, # < x)) == []",
		"all(body.list, # + 0.1 not in body.list)",
		"none(body.words, text contains #)",
		"none(body.words, text matches # + \"y\")",
		"reduce(body.list, #acc + len(filter(body.list, # < 0)), 0) == 1",
		"find(body.list, let x = #; findIndex(body.list, # == x + 0.1) != nil) == 1",
		"sum(body.list, sum(body.list)) == 1",
		"len(groupBy(body.list, count(body.list, # < 0))) == 1",
		"len(sortBy(body.list, count(body.list, # < 0))) == 1",
		"one(body.list, let x = #; all(body.list, let y = #; none(body.list, # == x + y + 0.1)))",
		"(body.list | filter(# > 0) | map(indexOf(text, \"z\"))) == []",
	} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			p := compileOver(t, source)
			for cause, want := range map[error]error{prober.ErrTimeout: errUncomputed, prober.ErrShutdown: prober.ErrShutdown} {
				ctx, cancel := context.WithCancelCause(t.Context())
				cancel(cause)
				mine := map[string]any{"body": vars["body"], "text": vars["text"]}
				s := &Session{flow: &compiled{}, vars: mine, limit: limit{ctx: ctx}}
				v, err := s.run(p)
				if v != nil || !errors.Is(err, want) {
					t.Errorf("got %v, %v, want %v", v, err, want)
				}
			}
		})
	}
}

// What heeds the time yields the same, and what does little in each turn of a loop does not
// heed it, and costs nothing for it.
func TestWhatHeedsItsTime(t *testing.T) {
	vars := map[string]any{"status": 200, "text": "abc", "body": map[string]any{
		"list": []any{1.0, 2.0, 3.0}, "names": []any{"a", "b", "x"},
		"accounts": []any{map[string]any{"id": "1", "state": "open", "tags": []any{"a"}}, map[string]any{"id": "2", "state": "closed", "tags": []any{}}},
	}}
	for _, c := range []struct {
		source string
		heeds  bool
		want   any
	}{
		{"status == 200", false, true},
		{"any(body.accounts, .id == text)", false, false},
		{`all(body.accounts, #.state == "open" or #.id == "2")`, false, true},
		{`len(filter(body.accounts, .state != "open" && .id > "0")) > 0`, false, true},
		{"map(body.accounts, .id)", false, []any{"1", "2"}},
		{"map(body.list, # * 2 - 1)", false, []any{1.0, 3.0, 5.0}},
		{"count(body.accounts, .state == \"open\" ? true : .id == \"1\")", false, 1},
		{"filter(body.names, text contains #)", true, []any{"a", "b"}},
		{"map(body.accounts, len(.tags))", true, []any{1, 0}},
		{"filter(body.list, any(body.list, # == 2))", true, []any{1.0, 2.0, 3.0}},
		{"reduce(body.list, #acc + #, 0)", true, 6.0},
		{"any(body.list, text == text)", true, true},
		{"map(filter(body.accounts, \"a\" in .tags), .id)[0]", true, "1"},
		{"find(body.accounts, len(.tags) == 0).id", true, "2"},
		{"body.accounts | sortBy(len(.tags)) | map(.id)", true, []any{"2", "1"}},
		{"count(body.list, # in [1, 2]) + sum(body.list, # + 1)", true, 11.0},
	} {
		p := compileOver(t, c.source)
		s := &Session{flow: &compiled{}, vars: vars, limit: limit{ctx: t.Context()}}
		got, err := s.run(p)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", c.source, err, diff)
		}
		if p.heeds != c.heeds {
			t.Errorf("%s: heeds the time: %v, want %v", c.source, p.heeds, c.heeds)
		}
		s.limit.ctx = overCtx() // and it has some time left in any case
		if got, err = s.run(p); err != nil || !cmp.Equal(c.want, got) {
			t.Errorf("%s, when the time is over: %v, %v", c.source, got, err)
		}
	}
}

// An answer for which the expression is too slow is no fault of the target's.
func TestUncomputedIsOurs(t *testing.T) {
	p := compileOver(t, "none(body.list, let x = #; any(body.list, # == x + 0.1))")
	s := &Session{flow: &compiled{}, timing: &timing{}, vars: map[string]any{}, limit: limit{ctx: overCtx()}}
	s.answer = answer{status: 200, body: listBody(200_000)}
	_, err := s.evalAnswer(p)
	if _, theirs := errors.AsType[*failure](err); theirs || !errors.Is(err, errUncomputed) {
		t.Errorf("got %v, want it to be our own fault", err)
	}
}

// listBody is {"list":[0.7,1.7,…]}.
func listBody(n int) []byte {
	b := []byte(`{"list":[`)
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, float64(i)+0.7, 'f', 1, 64)
	}
	return append(b, "]}"...)
}

// BenchmarkHeed is what a turn of a loop costs that heeds the time, and one that does not.
func BenchmarkHeed(b *testing.B) {
	for name, source := range map[string]string{"none": "count(body.list, # > 0) == 0", "heeds": "count(body.list, # + 1 > 0) == 0"} {
		b.Run(name, func(b *testing.B) {
			p := compileOver(b, source)
			s := &Session{flow: &compiled{}, vars: map[string]any{"body": map[string]any{"list": longList(1000)}}, limit: limit{ctx: b.Context()}}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.run(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
