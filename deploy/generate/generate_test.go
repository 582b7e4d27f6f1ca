package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// TestIsCurrent holds the files in deploy to what would be written now, and their
// folders to hold nothing else.
func TestIsCurrent(t *testing.T) {
	files, err := generated(root)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		got, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is not what its source says: go generate ./deploy/...", path)
		}
	}
	for _, dir := range []string{dashboardsDir, chartFiles, chartFiles + "dashboards/"} {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if _, ok := files[dir+e.Name()]; !ok && !e.IsDir() {
				t.Errorf("nothing writes %s%s", dir, e.Name())
			}
		}
	}
}

// TestWriteAll writes into an empty repository.
func TestWriteAll(t *testing.T) {
	dir := t.TempDir()
	if err := writeAll(dir); err == nil {
		t.Error("no error without rules to copy")
	}
	const rules = "groups: []\n"
	put(t, filepath.Join(dir, "deploy", "prometheus", rulesFile), rules)
	put(t, filepath.Join(dir, "docs", "environment.md"), "no table\n")
	if err := writeAll(dir); err == nil {
		t.Error("no error without settings to name")
	}
	put(t, filepath.Join(dir, "docs", "environment.md"), "| `AUTHPROBER_LISTEN` |  | Where. |\n| `AUTHPROBER_CONTACT` |  | Whom. |\n")
	if err := writeAll(dir); err != nil {
		t.Fatal(err)
	}
	schema, err := os.ReadFile(filepath.Join(dir, chartDir, "values.schema.json"))
	if err != nil || !json.Valid(schema) || !strings.Contains(string(schema), `"CONTACT": {`) || strings.Contains(string(schema), `"LISTEN"`) {
		t.Errorf("want a schema that has the setting CONTACT and leaves LISTEN to the chart (%v)", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, chartFiles+rulesFile)); err != nil || string(got) != rules {
		t.Errorf("the chart has the rules %q (%v), want %q", got, err, rules)
	}
	for _, d := range dashboards() {
		one, err1 := os.ReadFile(filepath.Join(dir, dashboardsDir+d.UID+".json"))
		two, err2 := os.ReadFile(filepath.Join(dir, chartFiles+"dashboards/"+d.UID+".json"))
		if err1 != nil || err2 != nil || !json.Valid(one) || !bytes.Equal(one, two) || !strings.Contains(string(one), `"uid": "`+d.UID+`"`) {
			t.Errorf("%s: the dashboard and the chart's copy are not one and the same (%v, %v)", d.UID, err1, err2)
		}
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
