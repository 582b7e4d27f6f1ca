package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testNamed = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`")
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)\((?:t \*testing\.T|f \*testing\.F)\)`)
)

// TestReliabilityNamesTests holds docs/reliability.md to what it promises: each test that it
// names is somewhere in the tree, and each line of its tables names one.
func TestReliabilityNamesTests(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "docs", "reliability.md"))
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			if err == nil && d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
				return filepath.SkipDir
			}
			return err
		}
		source, err := os.ReadFile(path)
		for _, f := range testFunc.FindAllSubmatch(source, -1) {
			there[string(f[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, line := range strings.Split(string(text), "\n") {
		named := testNamed.FindAllStringSubmatch(line, -1)
		for _, n := range named {
			if !there[n[1]] {
				t.Errorf("there is no %s", n[1])
			}
		}
		if row := strings.HasPrefix(line, "| ") && !strings.HasSuffix(line, "| proved by |"); row {
			if rows++; len(named) == 0 {
				t.Errorf("no test proves %s", line)
			}
		}
	}
	if rows < 30 {
		t.Errorf("%d lines in the tables", rows)
	}
}
