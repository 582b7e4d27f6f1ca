package chart

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/strvals"
	apps "k8s.io/api/apps/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// TestDocuments renders what the documents tell people to type: every line that begins
// with helm, with the files that the same document has, and builds what is applied.
func TestDocuments(t *testing.T) {
	for document, want := range map[string]int{"docs/kubernetes.md": 7, "README.md": 1} {
		text, err := os.ReadFile(filepath.Join(repository, document))
		if err != nil {
			t.Fatal(err)
		}
		files := valuesIn(string(text))
		seen := 0
		for _, line := range commandsIn(string(text)) {
			words := split(line)
			switch {
			case words[0] == "helm":
				seen++
				typed(t, line, words[1:], files)
			case len(words) == 4 && strings.Join(words[:3], " ") == "kubectl apply -k":
				if _, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(repository, words[3])); err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
		}
		if seen < want {
			t.Errorf("%s has %d commands of helm, want %d or more", document, seen, want)
		}
	}
}

// typed renders as the command would.
func typed(t *testing.T, line string, words []string, files map[string]string) {
	t.Helper()
	values := map[string]any{}
	var names []string
	for i := 0; i < len(words); i++ {
		next := func() string { i++; return words[i] }
		var err error
		switch w := words[i]; {
		case w == "-f":
			name := next()
			given, ok := files[name]
			if !ok {
				t.Fatalf("%s: the document has no file %s", line, name)
			}
			more, readErr := chartutil.ReadValues([]byte(given))
			values, err = chartutil.CoalesceTables(more, values), readErr
		case w == "--set":
			err = strvals.ParseInto(next(), values)
		case w == "--set-file":
			err = strvals.ParseIntoFile(next(), values, func(path []rune) (any, error) {
				text, err := os.ReadFile(filepath.Join(repository, string(path)))
				return string(text), err
			})
		case w == "-n":
			next()
		case w == "--install", w == "--wait", w == "--create-namespace":
		case strings.HasPrefix(w, "-"):
			t.Fatalf("%s: nothing here knows %s", line, w)
		default:
			names = append(names, w)
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if len(names) != 3 || names[2] != "deploy/helm/authprober" {
		t.Fatalf("%s: want a verb, a release and the chart, got %v", line, names)
	}
	in, err := render(loadChart(t), names[1], "authprober", values)
	if err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	set := the[apps.StatefulSet](t, in)
	holdContainer(t, set.Spec.Template.Spec.Containers[0], environment(t))
	holdVolumes(t, set)
	accepted(t, in)
	for name, pooled := range in.aggregators() {
		holdObjects(t, pooled)
		holdAggregator(t, the[apps.Deployment](t, pooled).Spec.Template.Spec, environment(t))
		if name != "aggregate" { // which wants the flows to be mounted
			asks(t, "", pooled)
		}
	}
}

var (
	block     = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$|^((?:    [^\n]*\n)+)")
	continued = regexp.MustCompile(`\\\n\s*`)
)

// commandsIn are the lines of a document that somebody types.
func commandsIn(text string) (lines []string) {
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		if m[1] != "sh" && m[3] == "" {
			continue
		}
		for line := range strings.SplitSeq(continued.ReplaceAllString(m[2]+m[3], " "), "\n") {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// valuesIn are the files of a document: what begins with a comment that is a name.
func valuesIn(text string) map[string]string {
	files := map[string]string{}
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		if name, _, ok := strings.Cut(m[2], "\n"); ok && m[1] == "yaml" && strings.HasPrefix(name, "# ") {
			files[name[2:]] = m[2]
		}
	}
	return files
}

// split is what a shell makes of a line with single quotes.
func split(line string) (words []string) {
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+m[2])
	}
	return words
}
