package checks

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/authprober/authprober/checks/internal/strict"
)

// A Mistake is one thing that is wrong in what an operator wrote.
type Mistake = strict.Mistake

// Mistakes are all that is wrong with a configuration: the error of [Load].
type Mistakes = strict.Mistakes

// files lists the files that the paths mean: a file is itself, a directory
// every *.yaml and *.yml in it and below, but for folders whose names begin
// with a dot. What has the name of one and is no file, such as a named pipe, or
// the folder that Docker makes of a mount whose source is missing, is a mistake.
// The order is that of the paths, and by name within a directory.
func files(paths []string) (found []string, mistakes Mistakes) {
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			mistakes = append(mistakes, unreadable(path, err))
		case info.IsDir():
			in, wrong := filesIn(path)
			found, mistakes = append(found, in...), append(mistakes, wrong...)
		default:
			found, mistakes = addRegular(found, mistakes, path, info)
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(found, func(path string) bool {
		clean := filepath.Clean(path)
		defer func() { seen[clean] = true }()
		return seen[clean]
	}), mistakes
}

func unreadable(path string, err error) Mistake {
	return Mistake{File: path, Message: fmt.Sprintf("cannot be read: %v", plainPathError(err))}
}

// addRegular adds the path to those of the files, or to the mistakes.
func addRegular(found []string, mistakes Mistakes, path string, info fs.FileInfo) ([]string, Mistakes) {
	if err := wantRegular(path, info); err != nil {
		return found, append(mistakes, unreadable(path, err))
	}
	return append(found, path), mistakes
}

func filesIn(dir string) (found []string, mistakes Mistakes) {
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			mistakes = append(mistakes, unreadable(path, err))
			return nil
		case entry.IsDir() && path != dir && strings.HasPrefix(name, "."):
			return fs.SkipDir
		case path == dir || strings.HasPrefix(name, ".") || !isYAML(name):
			return nil
		}
		// A mounted ConfigMap is made of links to files: what counts is where
		// they lead.
		if info, err := os.Stat(path); err != nil {
			mistakes = append(mistakes, unreadable(path, err))
		} else {
			found, mistakes = addRegular(found, mistakes, path, info)
		}
		if entry.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		mistakes = append(mistakes, unreadable(dir, err))
	}
	if len(found) == 0 && len(mistakes) == 0 {
		mistakes = append(mistakes, Mistake{File: dir, Message: "no flow in this directory: no file ends in .yaml or .yml"})
	}
	return found, mistakes
}

func isYAML(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// source is a parsed file: a flow or pools.
type source struct {
	doc   *strict.Document
	dir   string
	text  string        // of a flow
	flow  *Flow         // nil where the file holds pools
	pools *AccountsFile // nil where the file holds a flow
}

// read reads and decodes one file. What is wrong is in its document.
func read(path string) *source {
	s := &source{dir: filepath.Dir(path)}
	text, err := readFile(path)
	if err != nil {
		s.doc = &strict.Document{File: path, Mistakes: Mistakes{unreadable(path, err)}}
		return s
	}
	s.doc = strict.Parse(path, text)
	if s.doc.Root == nil {
		return s
	}
	if holdsPools(s.doc) {
		s.pools = &AccountsFile{}
		s.doc.Decode(s.doc.Root, s.pools)
		return s
	}
	s.text = string(text)
	s.flow = &Flow{Schedule: defaultSchedule, Objective: defaultObjective}
	s.doc.Decode(s.doc.Root, s.flow)
	return s
}

// readFile reads at most one byte more than a document may have.
func readFile(path string) ([]byte, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > strict.MaxBytes {
		return nil, fmt.Errorf("it has %d bytes; the limit is %d", info.Size(), strict.MaxBytes)
	}
	text, err := io.ReadAll(io.LimitReader(f, strict.MaxBytes+1))
	if err == nil && len(text) > strict.MaxBytes {
		err = errors.New("it is larger than a flow may be")
	}
	return text, err
}

// holdsPools tells an accounts file from a flow by its top-level keys.
func holdsPools(doc *strict.Document) bool {
	for i := 0; i+1 < len(doc.Root.Content); i += 2 {
		if doc.Root.Content[i].Value == "pools" {
			return true
		}
	}
	return false
}
