package release

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestDependenciesAreArgued: docs/dependencies.md has a word for each module that the
// product asks for by itself, and for no other.
func TestDependenciesAreArgued(t *testing.T) {
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal([]byte(run(t, repository, "go", "mod", "edit", "-json")), &mod); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range mod.Require {
		if !r.Indirect {
			want = append(want, r.Path)
		}
	}
	text, err := os.ReadFile(filepath.Join(repository, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range regexp.MustCompile("`([a-z.]+\\.[a-z]+/[^` ]+)`").FindAllSubmatch(text, -1) {
		if path := string(m[1]); !slices.Contains(got, path) {
			got = append(got, path)
		}
	}
	got = slices.DeleteFunc(got, func(path string) bool { return path == "gopkg.in/yaml.v3" }) // its predecessor is named
	slices.Sort(got)
	slices.Sort(want)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("docs/dependencies.md argues for\n%q, go.mod asks for\n%q", got, want)
	}
}
