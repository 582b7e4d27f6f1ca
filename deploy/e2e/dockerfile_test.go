package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// A stage is one of a Dockerfile: its instructions, each in words, "" between those of
// one that is not in the form of JSON.
type stage []instruction

type instruction struct {
	name, words string
	exec        bool // in the form of JSON, which needs no shell
}

// stages are those of the Dockerfile, read as BuildKit does; the first is what comes
// before any FROM.
func stages(t *testing.T) []stage {
	t.Helper()
	f, err := os.Open(filepath.Join(repository(), "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	result, err := parser.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range result.Warnings {
		t.Errorf("line %v: %s", w.Location, w.Short)
	}
	all := []stage{nil}
	for _, node := range result.AST.Children {
		i := instruction{name: strings.ToUpper(node.Value)}
		if i.name == "FROM" {
			all = append(all, nil)
		}
		words := append([]string(nil), node.Flags...)
		for n := node; n != nil; n = n.Next {
			i.exec = i.exec || n.Attributes["json"]
			if n != node {
				words = append(words, strings.Trim(n.Value, `"`))
			}
		}
		i.words = strings.Join(words, " ")
		all[len(all)-1] = append(all[len(all)-1], i)
	}
	return all
}

func (s stage) all(name string) (found []instruction) {
	for _, i := range s {
		if i.name == name {
			found = append(found, i)
		}
	}
	return found
}

// TestDockerfile wants an image that needs no shell, is nobody, stops and is healthy as
// the program has it, and says what it is.
func TestDockerfile(t *testing.T) {
	all := stages(t)
	if len(all) != 3 {
		t.Fatalf("%d stages, want 2", len(all)-1)
	}
	head, build, final := all[0], all[1], all[2]
	for _, arg := range head.all("ARG") {
		if name, image, _ := strings.Cut(arg.words, "="); !strings.HasSuffix(name, "_IMAGE") || !strings.Contains(image, ":") || strings.HasSuffix(image, ":latest") {
			t.Errorf("ARG %s: want an image with a tag that stays", arg.words)
		}
	}
	compile := ""
	for _, run := range build.all("RUN") {
		compile += run.words + "\n"
	}
	for _, want := range []string{"CGO_ENABLED=0", "-trimpath", "-buildvcs=true", "go mod verify"} {
		if !strings.Contains(compile, want) {
			t.Errorf("what is built is not built with %s:\n%s", want, compile)
		}
	}
	if run := final.all("RUN"); run != nil {
		t.Errorf("the image runs %v, and has no shell", run)
	}
	for name, want := range map[string]string{
		"USER": "65532:65532", "STOPSIGNAL": "SIGTERM", "ENTRYPOINT": "/usr/bin/authprober", "CMD": "run /etc/authprober",
	} {
		got := final.all(name)
		if len(got) != 1 || got[0].words != want || !got[0].exec && (name == "CMD" || name == "ENTRYPOINT") {
			t.Errorf("%s is %+v, want %s", name, got, want)
		}
	}
	if health := final.all("HEALTHCHECK"); len(health) != 1 || !health[0].exec || !strings.HasSuffix(health[0].words, "CMD /usr/bin/authprober health") {
		t.Errorf("the health check is %+v", health)
	}
	labels := ""
	for _, l := range final.all("LABEL") {
		labels += l.words
	}
	for _, key := range []string{"title", "description", "source", "documentation", "licenses", "version", "revision"} {
		if !strings.Contains(labels, "org.opencontainers.image."+key+" ") {
			t.Errorf("no label %s in %s", key, labels)
		}
	}
}
