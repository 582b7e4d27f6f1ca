package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/authprober/authprober/checks"
)

// TestReloadLineIsBounded: however many checks there are, the line has how many changed and how, and
// names some.
func TestReloadLineIsBounded(t *testing.T) {
	dir := t.TempDir()
	load := func(flows map[string]string) *checks.Config {
		t.Helper()
		for name, every := range flows {
			path := filepath.Join(dir, name+".yaml")
			text := strings.Replace(statusFlow("https://bank.example", every), "status", name, 1)
			if every == "" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		config, err := checks.Load([]string{dir}, checks.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return config
	}
	flows, fewer := map[string]string{}, map[string]string{}
	for i := range 200 {
		flows[fmt.Sprintf("flow-%03d", i)] = "1m"
	}
	for i := range 30 {
		fewer[fmt.Sprintf("flow-%03d", i)] = ""       // gone
		fewer[fmt.Sprintf("new-%03d", i)] = "1m"      // added
		fewer[fmt.Sprintf("flow-%03d", 100+i)] = "2m" // another pace
	}
	before := load(flows)
	after := load(fewer)
	if got := said(t, reloadFields(before, before)); got != `{"checks":200,"kept":200,"changed":0,"added":0,"removed":0,"afresh":0}` {
		t.Errorf("nothing new: %s", got)
	}
	got := said(t, reloadFields(before, after))
	for _, want := range []string{
		`{"checks":200,"kept":140,"changed":30,"changed_names":["flow-100",`, `"flow-109","and 20 more"],"added":30,"added_names":["new-000",`,
		`"removed":30,"removed_names":["flow-000",`, `"afresh":30,"afresh_names":["flow-100",`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
	if n := strings.Count(got, "flow-") + strings.Count(got, "new-"); n != 4*mostOfAChange {
		t.Errorf("%d checks are named in %s", n, got)
	}
}

// said are fields as a log has them.
func said(t *testing.T, fields []zap.Field) string {
	t.Helper()
	line, err := zapcore.NewJSONEncoder(zapcore.EncoderConfig{SkipLineEnding: true}).EncodeEntry(zapcore.Entry{}, fields)
	if err != nil {
		t.Fatal(err)
	}
	return line.String()
}
