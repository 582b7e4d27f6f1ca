// Command simulate runs a fleet that nobody has at hand: many checks in many locations for a
// month, in minutes.
//
//	go run ./cmd/simulate -locations 50 -checks 2000 -days 30
//
// Schedules, confirming runs, account pools, judges with their groups and the pooled detector are those
// of the product, driven by a [prober.Simulator]: what it bypasses are sockets, goroutines and timers, and
// for the pooled detector Prometheus. What the world does to the runs is drawn by chance; see world.go. The same
// settings come to the same report, however many workers there are.
//
// It is not part of the product, and not in its binary.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(2)
	}
}

// run is the command, without the process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.write != "" { // it takes an hour, and is not to be lost then
		if err := writable(o.write); err != nil {
			return err
		}
	}
	debug.SetGCPercent(300) // little lives, and much is made
	began, cpu := time.Now(), processorTime()
	f, err := simulate(ctx, newWorld(s), o.workers, stderr)
	if err != nil {
		return err
	}
	took := cost{Wall: time.Since(began), CPU: processorTime() - cpu, Runs: f.Counts.runs(), Workers: o.workers}
	whole, err := measureLocation(newWorld(s))
	if err != nil {
		return err
	}
	if o.json {
		out := json.NewEncoder(stdout)
		out.SetIndent("", "  ")
		return out.Encode(struct {
			Settings settings
			Report   report
			Location location
			Cost     cost
		}{s, f.report(), whole, took})
	}
	text := f.report().markdown(s) + whole.markdown() + took.markdown()
	if o.write != "" {
		return writeBetween(o.write, text)
	}
	_, err = fmt.Fprint(stdout, text)
	return err
}

// What the report stands between in a document.
const (
	reportBegins = "<!-- The report begins. -->\n"
	reportEnds   = "<!-- The report ends. -->\n"
)

// writable returns the error that [writeBetween] would have.
func writable(path string) error {
	if _, _, err := around(path); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return file.Close()
}

// around is what is before the report in a document, and what is after it.
func around(path string) (before, after string, err error) {
	doc, err := os.ReadFile(path)
	if err != nil {
		return "", "", err
	}
	before, rest, begins := strings.Cut(string(doc), reportBegins)
	_, after, ends := strings.Cut(rest, reportEnds)
	if !begins || !ends {
		return "", "", fmt.Errorf("writing %s: no lines %q and %q to write between", path, strings.TrimSpace(reportBegins), strings.TrimSpace(reportEnds))
	}
	return before, after, nil
}

// writeBetween puts the report where the last one is in a document.
func writeBetween(path, text string) error {
	before, after, err := around(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(before+reportBegins+"\n"+text+"\n"+reportEnds+after), 0o644)
}

// options are how to simulate, and nothing of it depends on them.
type options struct {
	workers int
	json    bool
	write   string
}

func parse(args []string, stderr io.Writer) (s settings, o options, err error) {
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.Locations, "locations", 50, "probers, each in a `NUMBER` of locations")
	flags.IntVar(&s.Checks, "checks", 2000, "the `NUMBER` of checks that each of them runs, in teams of 20")
	flags.Float64Var(&s.Days, "days", 30, "how many `DAYS` to simulate; what happens in them is scaled to fit")
	flags.DurationVar(&s.Every, "interval", 10*time.Minute, "the `TIME` between the runs of a check")
	flags.DurationVar(&s.Confirm, "confirm", 10*time.Second, "the `TIME` between confirming runs, for every other team")
	flags.Uint64Var(&s.Seed, "seed", 2026, "of chance")
	flags.IntVar(&o.workers, "parallel", runtime.GOMAXPROCS(0), "how many teams to simulate at once")
	flags.BoolVar(&o.json, "json", false, "print the report for programs")
	flags.StringVar(&o.write, "write", "", "put the report into this `FILE`, in place of the one that is in it")
	if err := flags.Parse(args); err != nil {
		return s, o, err
	}
	if flags.NArg() > 0 {
		return s, o, fmt.Errorf("got the argument %q, want flags only", flags.Arg(0))
	}
	if o.json && o.write != "" {
		return s, o, errors.New("got -json and -write, want one of them")
	}
	if o.workers < 1 {
		return s, o, fmt.Errorf("-parallel is %d, want 1 or more", o.workers)
	}
	return s, o, s.check()
}

func (s settings) check() error {
	switch {
	case s.Locations < 1 || s.Locations > 500:
		return fmt.Errorf("-locations is %d, want 1 to 500", s.Locations)
	case s.Checks < teamSize || s.Checks%teamSize != 0:
		return fmt.Errorf("-checks is %d, want a multiple of %d", s.Checks, teamSize)
	case !(s.Days >= 1 && s.Days <= 366):
		return fmt.Errorf("-days is %v, want 1 to 366", s.Days)
	case s.Every < 30*time.Second || s.Every > time.Hour:
		return fmt.Errorf("-interval is %v, want 30s to 1h", s.Every)
	case s.Confirm < time.Second || s.Confirm >= s.Every:
		return fmt.Errorf("-confirm is %v, want 1s or more and less than -interval", s.Confirm)
	}
	return nil
}
