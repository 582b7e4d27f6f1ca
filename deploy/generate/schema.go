package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// valuesSchema is the JSON Schema of the chart's values; in place of SETTINGS come
// the daemon's.
//
//go:embed values.schema.json
var valuesSchema []byte

// The chart sets these itself, from other values or because of where it puts things.
var chartSets = []string{"LISTEN", "WEB_CONFIG_FILE", "PAUSE_FILE", "STATE_DIR", "SHARD", "STATE_KEY_FILE", "ALERTMANAGER_CONFIG_FILE",
	"HEARTBEAT_URL"} // a secret: secrets.env brings it

var setting = regexp.MustCompile("(?m)^\\| `AUTHPROBER_([A-Z_]+)` \\| .* \\| (.+) \\|$")

// chartSchema is the schema with the settings of docs/environment.md, which a test
// of the daemon holds to what it reads.
func chartSchema(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "environment.md"))
	if err != nil {
		return nil, err
	}
	settings := map[string]any{}
	for _, m := range setting.FindAllSubmatch(text, -1) {
		if name := string(m[1]); !slices.Contains(chartSets, name) {
			settings[name] = map[string]any{"$ref": "#/definitions/scalar", "description": string(m[2])}
		}
	}
	if len(settings) == 0 {
		return nil, errors.New("docs/environment.md has no table of settings")
	}
	var list bytes.Buffer
	e := json.NewEncoder(&list)
	e.SetEscapeHTML(false)
	e.SetIndent("      ", "  ")
	if err := e.Encode(settings); err != nil {
		return nil, err
	}
	return bytes.Replace(valuesSchema, []byte("SETTINGS"), bytes.TrimSpace(list.Bytes()), 1), nil
}
