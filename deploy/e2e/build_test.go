package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// built are the programs that tests share, each of them built once.
var built struct {
	dir        string
	authprober func() (string, error)
	pocketbase func() (string, error)
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "authprober-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built.dir = dir
	built.authprober = sync.OnceValues(func() (string, error) {
		if path := os.Getenv("E2E_AUTHPROBER"); path != "" {
			return filepath.Abs(path)
		}
		return build("authprober", repository(), "./cmd/authprober")
	})
	built.pocketbase = sync.OnceValues(func() (string, error) {
		return build("pocketbase", ".", "github.com/pocketbase/pocketbase/examples/base")
	})
	code := m.Run()
	_ = os.RemoveAll(dir) // what is left in the temporary folder harms nobody
	os.Exit(code)
}

// repository is the folder of the product's module.
func repository() string { return filepath.Join("..", "..") }

// deployed returns the path of a file in deploy.
func deployed(elem ...string) string {
	path, err := filepath.Abs(filepath.Join("..", filepath.Join(elem...)))
	if err != nil {
		panic(err) // there is no current folder
	}
	return path
}

func build(name, dir, pkg string) (string, error) {
	path := filepath.Join(built.dir, name)
	cmd := exec.Command("go", "build", "-o", path, pkg)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

func authprober(t *testing.T) string { return must(t, built.authprober) }
func pocketbase(t *testing.T) string { return must(t, built.pocketbase) }

func must(t *testing.T, f func() (string, error)) string {
	t.Helper()
	path, err := f()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// installed finds a program under one of its names.
func installed(t *testing.T, pkg string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("no program named %q here; on Debian: apt-get install %s", names, pkg)
	return ""
}
