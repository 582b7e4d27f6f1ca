// Notice writes NOTICE: which modules are in the binary, under which licences, and their
// texts, as those want. It fails on a licence that nobody has agreed to, or none.
//
//	go run -C deploy/release ./notice           # writes it
//	go run -C deploy/release ./notice -check    # fails if it is not current
package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	check := flag.Bool("check", false, "fail if NOTICE is not current, and write nothing")
	flag.Parse()
	if err := run(filepath.Join("..", ".."), *check); err != nil {
		fmt.Fprintln(os.Stderr, "notice:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	modules, err := linked(root)
	if err != nil {
		return err
	}
	text, err := notice(modules)
	if err != nil {
		return err
	}
	path := filepath.Join(root, "NOTICE")
	if !check {
		return os.WriteFile(path, text, 0o644)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, text) {
		return fmt.Errorf("NOTICE is not current: go run -C deploy/release ./notice; %v", err)
	}
	return nil
}

// A module is one whose code is in the binary; dir is where its files are.
type module struct{ path, version, dir string }

// linked lists the modules in the binary, of any system that it is built for, and Go's
// own library.
func linked(root string) ([]module, error) {
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	all := map[string]module{"Go": {"Go", "", strings.TrimSpace(string(goroot))}}
	for _, system := range []string{"linux", "darwin", "windows"} {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}", "./cmd/authprober")
		cmd.Dir, cmd.Stderr = root, os.Stderr
		cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0", "GOWORK=off")
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("listing what the binary is made of on %s: %w", system, err)
		}
		for line := range strings.Lines(string(out)) {
			if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 {
				all[f[0]] = module{f[0], f[1], f[2]}
			}
		}
	}
	var modules []module
	for _, path := range slices.Sorted(maps.Keys(all)) {
		modules = append(modules, all[path])
	}
	return modules, nil
}

const head = `authprober
Copyright the authprober authors. Licensed under the Apache License, Version 2.0; see LICENSE.

The binary contains code of the modules below. Made by deploy/release/notice, which fails on
a licence that is not in its list.

`

// notice is the text of the file: a list, then each text once.
func notice(modules []module) ([]byte, error) {
	var list, texts bytes.Buffer
	list.WriteString(head)
	of := map[string][]string{} // text to modules
	var order []string
	for _, m := range modules {
		kinds := []string{}
		files, err := licences(m.dir)
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("%s %s has no licence in %s: %v", m.path, m.version, m.dir, err)
		}
		for _, text := range files {
			kind, ok := kindOf(text)
			if !ok {
				return nil, fmt.Errorf("%s %s has a licence that is not in the list: read %s, then add it or do without the module", m.path, m.version, m.dir)
			}
			if kind != "" && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
			if of[text] == nil {
				order = append(order, text)
			}
			of[text] = append(of[text], m.path)
		}
		fmt.Fprintf(&list, "  %-66s %s\n", strings.TrimSpace(m.path+" "+m.version), strings.Join(kinds, ", "))
	}
	for _, text := range order {
		fmt.Fprintf(&texts, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(of[text], "\n"), text)
	}
	return append(list.Bytes(), texts.Bytes()...), nil
}

// licences are the texts of the files at the root of a module that grant or attribute.
func licences(dir string) (texts []string, err error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		name := strings.ToUpper(f.Name())
		if f.IsDir() || strings.HasSuffix(name, "-LOGO") || // of a picture, which no binary has
			!strings.HasPrefix(name, "LICENSE") && !strings.HasPrefix(name, "LICENCE") && !strings.HasPrefix(name, "NOTICE") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		texts = append(texts, strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")))
	}
	return texts, nil
}
