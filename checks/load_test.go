package checks

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks/internal/jose"
)

var update = flag.Bool("update", false, "rewrite the files of expected results")

// testEnv is the environment of every test that loads flows.
func testEnv(name string) (string, bool) {
	value, ok := map[string]string{
		"BANK_URL": "http://127.0.0.1:1", "PROBE_PASSWORD": "correct-horse-1", "EMPTY": "",
		"PROBE_TOTP": "JBSWY3DPEHPK3PXP",
	}[name]
	if name == "PROBE_KEY" {
		value, ok = testKey(), true
	}
	return value, ok
}

// testKey is a private key on P-256.
var testKey = sync.OnceValue(func() string {
	key, err := jose.GenerateKey("ES256")
	if err != nil {
		panic(err) // there is no randomness
	}
	return key
})

var testOptions = Options{LookupEnv: testEnv, AllowEnv: []string{"BANK_URL"}}

// TestMistakes holds the whole error of each bad file against what a reader is
// to see. The files next to it, in good, are what they refer to.
func TestMistakes(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			t.Parallel()
			paths := []string{path}
			if text, err := os.ReadFile(path); err == nil && !strings.Contains(string(text), "pools:") {
				paths = append(paths, "testdata/good/accounts.yaml")
			} else {
				paths = append(paths, "testdata/good/login.yaml")
			}
			_, err := Load(paths, testOptions)
			if err == nil {
				t.Fatal("no mistake was found")
			}
			got := filepath.ToSlash(err.Error()) + "\n"
			golden := strings.TrimSuffix(path, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

// The files of good load, and are those that the bad ones refer to.
func TestGoodFlows(t *testing.T) {
	c, err := Load([]string{"testdata/good"}, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"retail-login", "retail-web"}, names(c)); diff != "" {
		t.Errorf("flows (-want +got):\n%s", diff)
	}
}
