package main

import (
	"maps"
	"strings"
	"testing"
	"time"
)

var testModules = []string{"example.com/a", "example.com/a/v2", "go.yaml.in/yaml/v4"}

func TestModuleOf(t *testing.T) {
	for symbol, want := range map[string]string{
		"runtime.mallocgc":                          library,
		"vendor/golang.org/x/net/idna.ToASCII":      library,
		"example.com/a.F":                           "example.com/a",
		"example.com/a/v2/sub.(*T).M":               "example.com/a/v2",
		"example.com/ab.F":                          library,
		"type:.eq.go.yaml.in/yaml/v4/internal.Node": "go.yaml.in/yaml/v4",
		"slices.SortFunc[go.shape.*example.com/a.T": library,
		"example.com/a.Map[example.com/a/v2.K]":     "example.com/a",
	} {
		if got := moduleOf(symbol, testModules); got != want {
			t.Errorf("moduleOf(%q) = %q, want %q", symbol, got, want)
		}
	}
}

func TestSumCode(t *testing.T) {
	const symbols = `  401000        100 T example.com/a.F
  401100         30 t example.com/a.init
  401200          7 R example.com/a.table
  401300         20 T slices.SortFunc[go.shape.struct { A int }]
                    U malloc
  401400          5 T type:.eq.[2]interface {}
`
	got, err := sumCode(strings.NewReader(symbols), testModules)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]int64{"example.com/a": 130, library: 25}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if _, err := sumCode(strings.NewReader("401000 many T example.com/a.F\n"), nil); err == nil {
		t.Error("a size that is no number was taken")
	}
}

func TestWrite(t *testing.T) {
	var b strings.Builder
	write(&b, &cost{50 * time.Second, 90 * time.Second}, 30e6, []moduleCode{{library, 6e6}, {"example.com/a", 2e6}, {"example.com/b", 10}})
	_, got, _ := strings.Cut(b.String(), "\n")
	const want = `cold build    50.0 s by the clock, 90.0 s of the processors; modules were downloaded before
binary        30.0 MB stripped, of which 8.0 MB are machine code:
    6.00 MB  75.0 %  Go's own library
    2.00 MB  25.0 %  example.com/a
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
