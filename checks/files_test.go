package checks

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const smallFlow = "name: NAME\ntarget: http://127.0.0.1:1\nsteps: [{name: a, request: GET /, expect: [status == 200]}]\n"

func flowNamed(name string) string { return strings.Replace(smallFlow, "NAME", name, 1) }

// write writes files below a new directory; a name with a slash makes folders.
func write(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range contents {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func names(c *Config) (names []string) {
	for _, check := range c.Checks {
		names = append(names, check.Name)
	}
	return names
}

func TestPaths(t *testing.T) {
	dir := write(t, map[string]string{
		"b.yaml": flowNamed("b"), "a.yml": flowNamed("a"), "notes.txt": "no flow", "sub/c.yaml": flowNamed("c"),
		".hidden/d.yaml": "not: [a flow", ".e.yaml": "not: [a flow",
	})
	// A mounted ConfigMap: a file is a link through a link to a dot-folder.
	if runtime.GOOS != "windows" {
		if err := os.MkdirAll(filepath.Join(dir, "..2026"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "..2026", "f.yaml"), []byte(flowNamed("f")), 0o600); err != nil {
			t.Fatal(err)
		}
		for from, to := range map[string]string{"..data": "..2026", "f.yaml": "..data/f.yaml"} {
			if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
				t.Fatal(err)
			}
		}
	}
	c, err := Load([]string{dir, filepath.Join(dir, "b.yaml")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "b", "c", "f"}
	if runtime.GOOS == "windows" {
		want = want[:3]
	}
	if diff := cmp.Diff(want, names(c)); diff != "" {
		t.Errorf("flows (-want +got):\n%s", diff)
	}
}

func TestBadPaths(t *testing.T) {
	dir := write(t, map[string]string{"same.yaml": flowNamed("x"), "twin.yaml": flowNamed("x"), "empty/readme.txt": ""})
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, []byte(flowNamed("y")+strings.Repeat("# ten megabytes\n", 10<<20/16)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ paths, want string }{
		{"nowhere.yaml", "DIR/nowhere.yaml: cannot be read: no such file or directory"},
		{"large.yaml", "DIR/large.yaml: cannot be read: it has 10485855 bytes; the limit is 1048576"},
		{"empty", "DIR/empty: no flow in this directory: no file ends in .yaml or .yml"},
		{"same.yaml twin.yaml", "DIR/twin.yaml:1:7: two flows are named \"x\"; the other one is in DIR/same.yaml"},
	} {
		var paths []string
		for _, p := range strings.Fields(tt.paths) {
			paths = append(paths, filepath.Join(dir, p))
		}
		_, err := Load(paths, Options{})
		if err == nil {
			t.Errorf("%s: no mistake was found", tt.paths)
			continue
		}
		got := strings.ReplaceAll(err.Error(), dir, "DIR")
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.paths, diff)
		}
		if _, ok := errors.AsType[Mistakes](err); !ok {
			t.Errorf("%s: got a %T, want Mistakes", tt.paths, err)
		}
	}
	if _, err := Load(nil, Options{}); err == nil {
		t.Error("no path: no mistake was found")
	}
}

func TestSecretFiles(t *testing.T) {
	flow := flowNamed("x") + "secrets: {key: {file: key}}\n"
	load := func(mode os.FileMode, text string) (*Config, error) {
		dir := write(t, map[string]string{"flow.yaml": flow})
		if err := os.WriteFile(filepath.Join(dir, "key"), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return Load([]string{filepath.Join(dir, "flow.yaml")}, Options{})
	}
	c, err := load(0o600, "sentinel-1\n")
	if err != nil || len(c.Warnings) != 0 {
		t.Fatalf("got %v, %v", c, err)
	}
	if got := c.Redactor.Redact("x sentinel-1\ny"); got != "x [secret]\ny" {
		t.Errorf("the file's last line end belongs to no secret: got %q", got)
	}
	if runtime.GOOS != "windows" {
		if c, err = load(0o644, "sentinel-1"); err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Message, "(mode 0644)") {
			t.Errorf("a file that others can read: got %v, %v", c, err)
		}
		if os.Geteuid() != 0 { // root reads everything
			if _, err = load(0, "sentinel-1"); err == nil || !strings.Contains(err.Error(), "permission denied") {
				t.Errorf("a file that cannot be read: got %v", err)
			}
		}
	}
	for text, want := range map[string]string{"\n": "is empty", strings.Repeat("x", secretLimit+1): "at most 65536 bytes"} {
		if _, err := load(0o600, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
