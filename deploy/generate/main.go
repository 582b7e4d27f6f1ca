package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate ROOT, the folder of the repository")
		os.Exit(2)
	}
	if err := writeAll(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func writeAll(root string) error {
	files, err := generated(root)
	if err != nil {
		return err
	}
	for path, text := range files {
		path = filepath.Join(root, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

const (
	dashboardsDir = "deploy/grafana/dashboards/"
	chartDir      = "deploy/helm/authprober/"
	chartFiles    = chartDir + "files/"
	rulesFile     = "authprober.rules.yaml"
)

// generated is every file that is written, by its path below root with slashes.
func generated(root string) (map[string][]byte, error) {
	files, boards := map[string][]byte{}, map[string][]byte{}
	for _, d := range dashboards() {
		text, err := encode(d)
		if err != nil {
			return nil, fmt.Errorf("encoding the dashboard %q: %w", d.UID, err)
		}
		files[dashboardsDir+d.UID+".json"] = text
		files[chartFiles+"dashboards/"+d.UID+".json"] = text
		boards[d.UID+".json"] = text
	}
	rules, err := os.ReadFile(filepath.Join(root, "deploy", "prometheus", rulesFile))
	if err != nil {
		return nil, err
	}
	files[chartFiles+rulesFile] = rules
	maps.Copy(files, component(rules, boards))
	files[chartDir+"values.schema.json"], err = chartSchema(root)
	return files, err
}

// dashboards are all there are, the first one first.
func dashboards() []*dashboard {
	return []*dashboard{overview(), checkBoard(), proberBoard()}
}

func encode(d *dashboard) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(d)
	return b.Bytes(), err
}
