package recording_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/recording"
)

// Beyond the values that a flow has names for, none is shown either: of tokens
// that look like it, of passwords, and of what earlier answers had.
func TestMoreSecretsThanAFlowHasNamesFor(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(n int) (all []string) {
		for range n {
			all = append(all, fmt.Sprintf("x%016xY%08x", r.Uint64(), r.Uint32()))
		}
		return all
	}
	list := func(all []string) string { return `["` + strings.Join(all, `","`) + `"]` }
	post := func(path, body string) entry {
		return entry{method: "POST", url: "https://a.example" + path, mime: "application/json", body: body}
	}
	answered, own, passwords := draw(400), draw(400), draw(300)
	first := post("/first", `{"first":true}`)
	first.answerType, first.answerBody = "application/json", `{"list":`+list(answered)+`}`
	entries := []entry{first, post("/answered", list(answered)), post("/own", list(own))}
	for i, p := range passwords {
		entries = append(entries[:min(len(entries), 100)], post("/p", fmt.Sprintf(`{"password":"plain-%d","other":%q}`, i, p)))
	}
	rec, err := recording.HAR(strings.NewReader(harOf(entries...)))
	if err != nil {
		t.Fatal(err)
	}
	draft, err := rec.Draft(recording.Options{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(append(answered, own...), passwords...) {
		if strings.Contains(string(draft.Flow), s) {
			t.Fatalf("%q is shown", s)
		}
	}
	if strings.Contains(string(draft.Flow), "plain-") {
		t.Error("a password is shown")
	}
	if !strings.Contains(string(draft.Flow), "${{ random_string(26) }}") {
		t.Error("it is not said that values were left out")
	}
	if _, err := load(t, draft, nil); err != nil {
		t.Errorf("the draft does not load: %v", err)
	}
}
