package checks

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/authprober/authprober/prober"
)

// TestOutline: of what can be run it has what judging takes, as [Load] has it, though no
// secret is there and no variable.
func TestOutline(t *testing.T) {
	c, err := Load([]string{"testdata/good"}, testOptions)
	if err != nil {
		t.Fatal(err)
	}
	var want []*prober.Check
	for _, check := range c.Checks {
		want = append(want, &prober.Check{Name: check.Name, About: check.About, Labels: check.Labels, Group: check.Group, Schedule: check.Schedule,
			Objective: check.Objective, Thresholds: check.Thresholds, AuthorisedBy: check.AuthorisedBy})
	}
	got, err := Outline([]string{"testdata/good"})
	if err != nil || !reflect.DeepEqual(got, want) || len(got) < 2 {
		t.Errorf("%d checks, %v, want %d that are the same", len(got), err, len(want))
	}
	for _, dir := range []string{"../deploy/flows", "../deploy/flows-untried"} {
		if got, err := Outline([]string{dir}); err != nil || len(got) == 0 {
			t.Errorf("%s: %d checks, %v", dir, len(got), err)
		}
	}
}

// TestOutlineMistakes: what it says is wrong is wrong, and what is wrong with an objective it says.
func TestOutlineMistakes(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range paths {
		_, err := Outline([]string{path})
		if err == nil {
			continue
		}
		found++
		golden, failed := os.ReadFile(strings.TrimSuffix(path, ".yaml") + ".txt")
		if failed != nil {
			t.Fatal(failed)
		}
		var mistakes Mistakes
		if !errors.As(err, &mistakes) {
			t.Errorf("%s: %v is of the type %T", path, err, err)
		}
		for _, m := range mistakes {
			text := filepath.ToSlash(m.String())
			if !slices.Contains(strings.Split(string(golden), "\n"), text) && !strings.Contains(text, "no flow here") {
				t.Errorf("%s: %s is none of the mistakes", path, text)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d of %d files have a mistake", found, len(paths))
	}
	for yaml, want := range map[string]string{
		"objective: {tolerate: 3%, detect: 2%}": "tolerate",
		"schedule: {every: 1ns}":                "every is 1ns",
		"objetive: {detect: 2%}":                "objetive",
	} {
		path := filepath.Join(t.TempDir(), "flow.yaml")
		flow := "name: x\ntarget: https://bank.example\n" + yaml + "\nsteps: [{name: a, request: GET /}]\n"
		if err := os.WriteFile(path, []byte(flow), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Outline([]string{path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", yaml, err)
		}
	}
	if _, err := Outline([]string{"testdata/nowhere"}); err == nil {
		t.Error("no error without a file")
	}
}
