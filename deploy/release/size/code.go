package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// A moduleCode is how many bytes of machine code of one module are in the binary.
type moduleCode struct {
	path  string
	bytes int64
}

// library is what the code of no module is counted to: Go's own, and what the linker makes.
const library = "Go's own library"

// codeByModule reads the symbols of an unstripped binary, the largest module first.
func codeByModule(root, binary string) ([]moduleCode, error) {
	modules, err := modulesOf(root)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "tool", "nm", "-size", binary)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	sums, err := sumCode(out, modules)
	if err := cmp.Or(err, cmd.Wait()); err != nil {
		return nil, fmt.Errorf("go tool nm: %w", err)
	}
	code := make([]moduleCode, 0, len(sums))
	for path, bytes := range sums {
		code = append(code, moduleCode{path, bytes})
	}
	slices.SortFunc(code, func(a, b moduleCode) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.path, b.path))
	})
	return code, nil
}

// modulesOf lists the paths of the modules that the program is made of, its own among them.
func modulesOf(root string) ([]string, error) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./cmd/authprober")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	seen := map[string]bool{}
	for path := range strings.FieldsSeq(string(out)) {
		seen[path] = true
	}
	return slices.Sorted(maps.Keys(seen)), nil
}

// sumCode adds up the functions in the output of `go tool nm -size`, by module.
func sumCode(r io.Reader, modules []string) (map[string]int64, error) {
	sums := map[string]int64{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // names of instantiated types are long
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 4 || f[2] != "T" && f[2] != "t" {
			continue // not code, or undefined
		}
		bytes, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", lines.Text(), err)
		}
		sums[moduleOf(f[3], modules)] += bytes
	}
	return sums, lines.Err()
}

// moduleOf finds whose function a symbol is: the longest module path that it begins with.
func moduleOf(symbol string, modules []string) string {
	symbol = strings.TrimPrefix(symbol, "type:.eq.")
	if i := strings.IndexByte(symbol, '['); i >= 0 {
		symbol = symbol[:i]
	}
	best := library
	for _, path := range modules {
		rest, ok := strings.CutPrefix(symbol, path)
		if ok && (strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, ".")) && (best == library || len(path) > len(best)) {
			best = path
		}
	}
	return best
}
