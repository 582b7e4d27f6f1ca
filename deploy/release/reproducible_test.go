package release

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReproducible builds the commit at hand twice, as a release does, in folders of
// other names and depths: what comes out is the same, and says what it was made from.
func TestReproducible(t *testing.T) {
	first, second := t.TempDir(), filepath.Join(t.TempDir(), "elsewhere", "and", "deeper")
	a, revision := build(t, first)
	b, _ := build(t, second)
	if sum(t, a) != sum(t, b) {
		t.Errorf("%s and %s differ", a, b)
	}
	info, err := buildinfo.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	for key, want := range map[string]string{"vcs.revision": revision, "vcs.modified": "false", "CGO_ENABLED": "0", "-trimpath": "true"} {
		if settings[key] != want {
			t.Errorf("the binary says %s=%s, want %s", key, settings[key], want)
		}
	}
	text, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), first) {
		t.Error("the binary names the folder that it was built in")
	}
}

// build builds a copy of the repository's commit in dir.
func build(t *testing.T, dir string) (binary, revision string) {
	t.Helper()
	run(t, ".", "git", "-c", "safe.directory=*", "clone", "--quiet", repository, dir)
	run(t, dir, "go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w", "-o", "authprober-built", "./cmd/authprober")
	return filepath.Join(dir, "authprober-built"), strings.TrimSpace(run(t, dir, "git", "rev-parse", "HEAD"))
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func sum(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := sha256.Sum256(text)
	return hex.EncodeToString(all[:])
}
