package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fleetOf(t *testing.T, s settings, workers int) *fleet {
	t.Helper()
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	f, err := simulate(t.Context(), newWorld(s), workers, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestReport holds the whole report of a small fleet, which is the same however many
// teams are simulated at once.
func TestReport(t *testing.T) {
	s := settings{Locations: 2, Checks: 40, Days: 2, Every: time.Minute, Confirm: 10 * time.Second, Seed: 2026}
	got := fleetOf(t, s, 1).report().markdown(s)
	if again := fleetOf(t, s, 4).report().markdown(s); again != got {
		t.Errorf("with four at once it is another report:\n%s\nand with one\n%s", again, got)
	}
	const golden = "testdata/small.md"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestPromise holds the pages without a fault against what is promised, and each due time
// against what it came to.
func TestPromise(t *testing.T) {
	s := settings{Locations: 4, Checks: 40, Days: 12, Every: 5 * time.Minute, Confirm: 10 * time.Second, Seed: 2026}
	f := fleetOf(t, s, 2)
	broken := 0
	for _, p := range f.report().Promises {
		if p.Promised && !p.Kept() {
			t.Errorf("%s: %d pages, at most %.1f promised", p.What, p.Pages, p.Allowed)
		}
		if !p.Promised && !p.Kept() {
			broken++
		}
	}
	if broken == 0 {
		t.Error("what fails more than it tolerates is not paged for either: it shows nothing")
	}
	c := f.Counts
	if settled := c.runs() + c.missed() - c.Confirmed; settled > c.Expected || c.Expected-settled > uint64(s.Checks*s.Locations) {
		t.Errorf("%d due times settled of %d", settled, c.Expected)
	}
	if c.Errored == 0 || c.missed() == 0 || c.Confirmed == 0 || c.Aborts > 0 {
		t.Errorf("the world is too kind: %+v", c)
	}
}

func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := run(ctx, []string{"-locations", "2", "-checks", "40", "-days", "1"}, io.Discard, io.Discard)
	if err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	s := settings{Checks: 40, Locations: 2}
	if text := (report{Teams: 1, Counts: counts{}}).markdown(s); !strings.Contains(text, "this is of 1 of 2 teams, with 40 checks") {
		t.Errorf("it does not say that it was stopped:\n%s", text)
	}
}

func TestCommand(t *testing.T) {
	small := []string{"-locations", "1", "-checks", "20", "-days", "1", "-interval", "5m"}
	var out bytes.Buffer
	if err := run(t.Context(), append(small, "-json"), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Settings settings
		Report   struct{ Counts counts }
		Location location
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Settings.Checks != 20 || got.Report.Counts.Expected != 20*288 || got.Location.AtRest <= 0 {
		t.Errorf("got %+v", got)
	}
	doc := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(doc, []byte("before\n"+reportBegins+"old\n"+reportEnds+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), append(small, "-write", doc), io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n" + reportBegins + "\n## What was simulated", "## One location as a whole", "\n" + reportEnds + "after\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "old\n") {
		t.Error("the old report is still there")
	}
}

func TestMistakes(t *testing.T) {
	for args, want := range map[string]string{
		"-locations 0":          "-locations is 0, want 1 to 500",
		"-checks 30":            "-checks is 30, want a multiple of 20",
		"-days 0.5":             "-days is 0.5, want 1 to 366",
		"-days NaN":             "-days is NaN, want 1 to 366",
		"-interval 1s":          "-interval is 1s, want 30s to 1h",
		"-confirm 10m":          "-confirm is 10m0s, want 1s or more and less than -interval",
		"-parallel 0":           "-parallel is 0, want 1 or more",
		"now":                   `got the argument "now", want flags only`,
		"-days 1 -write /no/md": "open /no/md: no such file or directory",
		"-json -write x":        "got -json and -write, want one of them",
		"-write main.go":        `writing main.go: no lines "<!-- The report begins. -->" and "<!-- The report ends. -->" to write between`,
	} {
		if strings.Contains(args, "-write") {
			args += " -locations 1 -checks 20 -interval 1h"
		}
		var progress strings.Builder
		if err := run(t.Context(), strings.Fields(args), io.Discard, &progress); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
		if progress.Len() > 0 {
			t.Errorf("%s: it began all the same: %s", args, &progress)
		}
	}
}
