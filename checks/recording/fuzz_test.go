package recording_test

import (
	"bytes"
	"os"
	"regexp"
	"testing"

	"github.com/authprober/authprober/checks/recording"
)

func seeds(f *testing.F, paths ...string) {
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range []string{
		"", "{}", `{"log":{"entries":[{}]}}`, `{"item":[{"request":"http://a/{{b}}"}]}`, `{"item":[{"request":"{{"}]}`, `{"item":[{"item":[{"request":{"url":{"host":["a"],"path":["b",":c"]},"body":{"raw":"{\"a\":{{b}}}"}}}]}]}`,
		`{"log":{"entries":[{"request":{"method":"POST","url":"http://a/b?c=d","headers":[{"name":"Authorization","value":"Basic YTpi"}],"postData":{"mimeType":"application/json","text":"[1,2.5e3,null,\"\\u2028${{\"]"}},"response":{"status":302,"headers":[{"name":"Location","value":"/x?y=12345678"}]}}]}}`,
	} {
		f.Add([]byte(text))
	}
}

// FuzzHAR holds that whatever is in a file, reading it ends with a draft that
// loads or with an error, and never with a panic.
func FuzzHAR(f *testing.F) {
	seeds(f, "testdata/bank.har", "testdata/oauth.har")
	f.Fuzz(func(t *testing.T, text []byte) {
		rec, err := recording.HAR(bytes.NewReader(text))
		holdDraft(t, rec, err)
	})
}

// FuzzPostman is FuzzHAR for collections.
func FuzzPostman(f *testing.F) {
	seeds(f, "testdata/collection.json", "testdata/collection20.json")
	f.Fuzz(func(t *testing.T, text []byte) {
		rec, err := recording.Postman(bytes.NewReader(text))
		holdDraft(t, rec, err)
	})
}

// targetName is the variable that the target begins with.
var targetName = regexp.MustCompile(`(?m)^target: "?\$\{\{ env\.(\w+) \}\}`)

func holdDraft(t *testing.T, rec *recording.Recording, err error) {
	t.Helper()
	if err != nil {
		return
	}
	draft, err := rec.Draft(recording.Options{Name: "fuzzed"})
	if err != nil {
		return
	}
	env := map[string]string{}
	if m := targetName.FindSubmatch(draft.Flow); m != nil { // it is for the reader to say what it is
		env[string(m[1])] = "https://api.bank.example"
	}
	if _, err := load(t, draft, env); err != nil {
		t.Errorf("the draft does not load: %v\n%s", err, draft.Flow)
	}
}
