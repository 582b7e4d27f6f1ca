package checks

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
)

// deployedFlows are the files of deploy/flows, without the accounts.
func deployedFlows(t *testing.T) (flows []string) {
	t.Helper()
	paths, err := filepath.Glob("../deploy/flows/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no flows in deploy/flows: %v", err)
	}
	for _, path := range paths {
		if !strings.HasSuffix(path, "accounts.yaml") {
			flows = append(flows, filepath.ToSlash(path))
		}
	}
	return flows
}

var (
	linkedFile = regexp.MustCompile(`\]\((\.\./[^)#]+)`)
	namedTest  = regexp.MustCompile("`(Test[A-Za-z]+)`")
)

// TestCatalogue sees to it that each file and each test that docs/catalogue.md names is
// there, and that it names each flow that ships.
func TestCatalogue(t *testing.T) {
	text := readText(t, "../docs/catalogue.md")
	for _, link := range linkedFile.FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.FromSlash(link[1])); err != nil {
			t.Errorf("docs/catalogue.md names %s, which is not there", link[1])
		}
	}
	for _, flow := range deployedFlows(t) {
		if !strings.Contains(text, "("+flow+")") {
			t.Errorf("docs/catalogue.md does not name %s", flow)
		}
	}
	var tests strings.Builder
	paths, err := filepath.Glob("../deploy/e2e/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		tests.WriteString(readText(t, path))
	}
	for _, name := range namedTest.FindAllStringSubmatch(text, -1) {
		if !strings.Contains(tests.String(), "\nfunc "+name[1]+"(") {
			t.Errorf("docs/catalogue.md names the test %s, which is not there", name[1])
		}
	}
}

var readsEnv = regexp.MustCompile(`\benv(?:\.|: )([A-Z][A-Z0-9_]*)`)

// TestDeployedFlows checks the folder of flows as an operator would, with the
// variables that docs/catalogue.md and the files themselves say they read. A new one
// that may not be any text at all has its value here.
func TestDeployedFlows(t *testing.T) {
	catalogue := readText(t, "../docs/catalogue.md")
	rsa, err := jose.GenerateKey("PS256")
	if err != nil {
		t.Fatal(err)
	}
	certificate, key := newAuthority(t).issue("client", time.Now().Add(time.Hour))
	env := map[string]string{"FAPI_KEY": rsa, "MTLS_CERTIFICATE": certificate, "MTLS_KEY": key}
	var allowed []string
	paths, err := filepath.Glob("../deploy/flows/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text := readText(t, path)
		for _, name := range readsEnv.FindAllStringSubmatch(text, -1) {
			name := name[1]
			if !strings.Contains(catalogue, "`"+name+"`") && !throughOthers(catalogue, name) {
				t.Errorf("docs/catalogue.md does not say what %s is, which %s reads", name, path)
			}
			if env[name] == "" {
				env[name] = sampleOf(t, name)
			}
			allowed = append(allowed, name)
		}
		if flow := !strings.HasSuffix(path, "accounts.yaml"); flow && !strings.HasPrefix(text, "# ") {
			t.Errorf("%s does not begin with what it is", path)
		}
	}
	c, err := Load([]string{"../deploy/flows"}, Options{AllowEnv: allowed, LookupEnv: func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 || len(c.Checks) != len(deployedFlows(t)) {
		t.Errorf("%d checks of %d flows, with the warnings %v", len(c.Checks), len(deployedFlows(t)), c.Warnings)
	}
}

var lettered = regexp.MustCompile(`^(.*)_[A-Z]_(.*)$`)

// throughOthers reports whether the catalogue names the variable by the first of a
// row, as in `OIDC_A_PASSWORD` to `OIDC_D_PASSWORD`.
func throughOthers(catalogue, name string) bool {
	parts := lettered.FindStringSubmatch(name)
	return parts != nil && strings.Contains(catalogue, fmt.Sprintf("`%s_A_%s` to", parts[1], parts[2]))
}

// sampleOf is a value for a variable, as its name has it.
func sampleOf(t *testing.T, name string) string {
	switch {
	case strings.HasSuffix(name, "_URL") || strings.HasSuffix(name, "_ISSUER") || strings.HasSuffix(name, "_ORIGIN"):
		return "https://bank.example"
	case strings.HasSuffix(name, "_CLIENT_SECRET"): // of HS256, RFC 7518 section 3.2
		return "a client secret of thirty-two bytes or more"
	case strings.HasSuffix(name, "_TOTP") || strings.HasSuffix(name, "_HOTP"):
		return "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	case strings.HasSuffix(name, "_KEY") || strings.HasPrefix(name, "PASSKEY_"):
		key, err := jose.GenerateKey("ES256")
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	return "any text"
}

func readText(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
