package release

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

// repository is the folder of the product's module.
var repository = filepath.Join("..", "..")

// TestGoreleaser reads the configuration with goreleaser's own code, which takes no key
// that it does not know, and wants of it what docs/release.md promises. "goreleaser check"
// does little more, and takes minutes to be built.
func TestGoreleaser(t *testing.T) {
	project, err := config.Load(filepath.Join(repository, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.LoadReader(strings.NewReader("version: 2\nbuild: []\n")); err == nil {
		t.Fatal("goreleaser takes keys that it does not know")
	}
	if len(project.Builds) != 1 || len(project.Archives) != 1 || len(project.NFPMs) != 1 {
		t.Fatal("want one build, one sort of archive, and packages")
	}
	b := project.Builds[0]
	if !slices.Equal(b.Env, []string{"CGO_ENABLED=0"}) || !slices.Contains(b.Flags, "-trimpath") || !slices.Contains(b.Flags, "-buildvcs=true") ||
		b.ModTimestamp != "{{ .CommitTimestamp }}" {
		t.Errorf("what is built is not the same everywhere: %v %v", b.Env, b.Flags)
	}
	if !slices.Equal(b.Goos, []string{"linux", "darwin", "windows"}) || !slices.Equal(b.Goarch, []string{"amd64", "arm64"}) {
		t.Errorf("it is built for %v on %v", b.Goos, b.Goarch)
	}
	if len(project.SBOMs) == 0 || project.SBOMs[0].Artifacts != "archive" {
		t.Error("the archives have no SBOM")
	}
	if project.Checksum.Algorithm != "sha256" || project.Checksum.Disable {
		t.Errorf("the checksums are %+v", project.Checksum)
	}
	if !slices.ContainsFunc(project.Before.Hooks, func(h string) bool { return strings.Contains(h, "./notice -check") }) {
		t.Error("nobody looks at the licences before a release")
	}
	var sources []string
	for _, f := range project.Archives[0].Files {
		sources = append(sources, f.Source)
	}
	for _, c := range project.NFPMs[0].Contents {
		if c.Source != "" {
			sources = append(sources, c.Source)
		}
	}
	if len(sources) < 10 {
		t.Errorf("only %q go with the binary", sources)
	}
	for _, pattern := range sources {
		found, err := filepath.Glob(filepath.Join(repository, strings.ReplaceAll(pattern, "**/", "")))
		if err != nil || len(found) == 0 {
			t.Errorf("%s is not there: %v", pattern, err)
		}
	}
	for _, name := range []string{"LICENSE", "NOTICE"} {
		if !slices.Contains(sources, name) {
			t.Errorf("%s does not go with the binary", name)
		}
	}
}

// The Dockerfile builds the binary that the archives have.
func TestSameFlagsInTheImage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	if want := `go build -trimpath -buildvcs=true -ldflags="-s -w"`; !strings.Contains(string(text), want) {
		t.Errorf("the Dockerfile does not say %s", want)
	}
}
