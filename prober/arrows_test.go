package prober_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/authprober/authprober/"

// arrows says which packages of this module each may import; a slash at the end
// means whatever is below. The arrow points from what changes every week to what should hardly ever change.
var arrows = []struct {
	of      string
	may     []string // packages of this module
	mustNot []string // others
}{
	{"prober/detect", nil, []string{"."}}, // a dot: nothing but the standard library
	{"prober/history", []string{"prober", "prober/detect"}, []string{"net/http", "go.yaml.in/", "github.com/expr-lang/"}},
	{"prober/control", []string{"prober"}, []string{"go.yaml.in/", "github.com/expr-lang/"}},
	{"prober/otlp", []string{"prober"}, []string{"go.yaml.in/", "github.com/expr-lang/", "os"}},
	{"prober/web/api", []string{"prober", "prober/detect"}, []string{"net/http", "net", "html/template"}},
	{"prober/web", []string{"prober", "prober/detect", "prober/history", "prober/web/api"}, []string{"go.yaml.in/", "github.com/expr-lang/"}},
	{"prober/aggregate", []string{"prober", "prober/detect"}, []string{"go.yaml.in/", "github.com/expr-lang/", "os"}},
	{"prober/alertmanager", []string{"prober", "prober/detect"}, []string{"go.yaml.in/", "github.com/expr-lang/"}},
	{"prober", []string{"prober/detect"}, []string{"go.yaml.in/", "github.com/expr-lang/", "net/http", "net"}},
	{"checks/internal", []string{"checks/internal/"}, nil},
	{"checks/secrettest", nil, []string{"."}}, // for tests
	{"checks/accounts", []string{"prober", "checks/internal/secret"}, nil},
	{"checks/banktest", []string{"checks/internal/"}, nil},
	{"checks/remember", []string{"checks/internal/secret"}, []string{"net", "net/http", "go.yaml.in/"}},
	{"checks/recording", []string{"checks/internal/functions"}, []string{"net/http", "os"}},
	{"checks", []string{"prober", "prober/detect", "checks/accounts", "checks/remember", "checks/internal/"}, nil},
	{"cmd", []string{"prober", "prober/", "checks", "checks/accounts", "checks/banktest", "checks/recording", "checks/remember", "checks/secrettest"}, nil},
	{"deploy/compare", nil, []string{"."}},  // it knows other monitors, and ours, from outside
	{"deploy/generate", nil, []string{"."}}, // plain structs: no SDK of Grafana's
}

// heavy are what the main module does without: servers and drivers are for
// deploy/e2e.
var heavy = []string{"github.com/prometheus/prometheus", "github.com/aws/", "cloud.google.com/", "github.com/chromedp/", "k8s.io/"}

func TestArrows(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("listing the packages: %v", err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen++
		holdArrows(t, p.ImportPath, p.Imports)
	}
	if seen < 8 {
		t.Errorf("only %d packages were looked at", seen)
	}
}

func holdArrows(t *testing.T, path string, imports []string) {
	t.Helper()
	for _, rule := range arrows {
		if !within(path, module+rule.of) {
			continue
		}
		for _, i := range imports {
			if name, ours := strings.CutPrefix(i, module); ours {
				if !anyOf(name, rule.may) {
					t.Errorf("%s imports %s, and may import %v only", path, i, rule.may)
				}
				continue
			}
			for _, no := range append(rule.mustNot, heavy...) {
				if no == "." && strings.Contains(strings.Split(i, "/")[0], ".") || i == no || strings.HasSuffix(no, "/") && strings.HasPrefix(i, no) {
					t.Errorf("%s imports %s, which is not for it", path, i)
				}
			}
		}
		return // the first rule is the package's own
	}
	t.Errorf("%s has no rule: say in arrows what it may import", path)
}

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func anyOf(name string, may []string) bool {
	return slices.ContainsFunc(may, func(m string) bool {
		return name == m || strings.HasSuffix(m, "/") && strings.HasPrefix(name, m)
	})
}
