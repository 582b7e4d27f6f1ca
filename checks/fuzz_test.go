package checks

import (
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// FuzzFlow holds that whatever is in a file, loading it ends with a flow or with
// mistakes, and never with a panic.
func FuzzFlow(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "flow.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load([]string{path, "testdata/good/accounts.yaml"}, testOptions)
		if (c == nil) == (err == nil) {
			t.Errorf("got %v and %v", c, err)
		}
	})
}

// FuzzTemplate holds that the parts of a template are the template again.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"", "a", "${{ x }}", "a ${{ {\"b\": \"}}\"} }} c", "${{", "${{ `}}` }}", "${{ {a: {b: 1}} }}}}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
		d := &strict.Document{}
		tmpl := Template{Source: text, node: n}
		tmpl.split(d)
		literal := 0
		for _, p := range tmpl.parts {
			if p.source == "" {
				literal += len(p.literal)
			} else if p.offset < 0 || p.offset > len(text) {
				t.Errorf("an expression at offset %d of %d", p.offset, len(text))
			}
		}
		if literal > len(text) {
			t.Errorf("%d bytes of literal text out of %d", literal, len(text))
		}
	})
}
