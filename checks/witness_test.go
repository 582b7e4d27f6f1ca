package checks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoadOfChangingFiles changes files while they are read: what is loaded is all from
// before or all from after.
func TestLoadOfChangingFiles(t *testing.T) {
	const flow = "name: NAME\ntarget: http://127.0.0.1:1\nsecrets: {two: {file: two}, one: {env: ONE}}\nsteps:\n  - {name: a, request: GET /, expect: [status == 200]}\n"
	for _, c := range []struct {
		name    string
		changes int // while it is read for the first time, and so on
		change  func(dir string, n int) error
		want    string
	}{
		{"nothing", 0, nil, "[before]"},
		{"a flow", 1, func(dir string, n int) error {
			return os.WriteFile(filepath.Join(dir, "flow.yaml"), []byte(strings.Replace(flow, "NAME", "after", 1)), 0o600)
		}, "[after]"},
		{"a flow that comes", 1, func(dir string, n int) error {
			return os.WriteFile(filepath.Join(dir, "late.yaml"), []byte(strings.Replace(flow, "NAME", "late", 1)), 0o600)
		}, "[before late]"},
		{"a secret", 2, func(dir string, n int) error {
			return os.WriteFile(filepath.Join(dir, "two"), []byte(strings.Repeat("x", n+10)), 0o600)
		}, "[before]"},
		{"a secret that goes", 1, func(dir string, n int) error { return os.Remove(filepath.Join(dir, "two")) }, "no such file"},
		{"without an end", 1000, func(dir string, n int) error {
			return os.WriteFile(filepath.Join(dir, "two"), []byte(strings.Repeat("x", n+10)), 0o600)
		}, "the files change while they are read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"flow.yaml": strings.Replace(flow, "NAME", "before", 1), "two": "secret"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			loads := 0
			config, err := Load([]string{dir}, Options{LookupEnv: func(string) (string, bool) {
				if loads++; loads <= c.changes {
					if err := c.change(dir, loads); err != nil {
						t.Fatal(err)
					}
				}
				return "value", true
			}})
			got := fmt.Sprint(err)
			if err == nil {
				var names []string
				for _, check := range config.Checks {
					names = append(names, check.Name)
				}
				got = fmt.Sprint(names)
			}
			if !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
