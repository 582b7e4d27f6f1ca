package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 2 && os.Args[1] == bareWord {
		exit(bareClient(ctx, os.Getenv, os.Stdout))
	}
	o, err := parseOptions(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2) // it has been said
	}
	exit(compare(ctx, o, os.Stdout, os.Stderr))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// options are what the command line says.
type options struct {
	authprober  string        // the binary; "" builds one
	tools       []string      // names; none are all
	require     bool          // a tool that is not installed is an error
	parts       []string      // of cost, ratio and page
	repetitions int           // of each measurement
	settle      time.Duration // before each measurement of cost
	measure     time.Duration // how long each of cost and of ratio takes
	limit       time.Duration // how long to wait for a page, in service: a hundred times as long as here
	rates       []float64     // of failing logins, in percent, for page
	parallel    int           // how many times of page go on at once
	seed        uint64        // of the banks; repetition i has seed + i
	json        bool
	command     string // as it was typed
}

var parts = []string{"cost", "ratio", "page"}

func parseOptions(args []string, errs io.Writer) (options, error) {
	o := options{parts: parts, rates: []float64{0.1, 2, 5, 20}, command: strings.Join(append([]string{"go run ./deploy/compare"}, args...), " ")}
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.SetOutput(errs)
	f.StringVar(&o.authprober, "authprober", "", "the `binary`; without it one is built as a release is")
	f.Func("tools", "`names` with commas between, of "+strings.Join(toolNames(), ", ")+" (default all)", list(&o.tools, toolNames()))
	f.BoolVar(&o.require, "require", false, "fail where one of them is not installed")
	f.Func("part", "`names` with commas between, of "+strings.Join(parts, ", ")+" (default all)", list(&o.parts, parts))
	f.IntVar(&o.repetitions, "repetitions", 5, "how often each measurement is made")
	f.DurationVar(&o.settle, "settle", 5*time.Second, "how long a tool runs before its cost is measured")
	f.DurationVar(&o.measure, "for", 30*time.Second, "how long cost and ratio are measured")
	f.DurationVar(&o.limit, "limit", 4*time.Hour, "how long to wait for a page, in service; it takes a hundredth of that")
	f.Func("rates", "failing logins in `percent`, with commas between, for page (default 0.1,2,5,20)", percentages(&o.rates))
	f.IntVar(&o.parallel, "parallel", 1, "how many measurements of page go on at once")
	f.Uint64Var(&o.seed, "seed", 1, "of the banks: which connection meets which backend, which login which fault")
	f.BoolVar(&o.json, "json", false, "print JSON")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	err := o.check(f.Args())
	if err != nil {
		fmt.Fprintln(errs, "compare:", err)
	}
	return o, err
}

func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("argument %q, want flags alone", rest[0])
	case o.repetitions < 1 || o.parallel < 1:
		return fmt.Errorf("%d repetitions, %d at once; want at least 1 of each", o.repetitions, o.parallel)
	case o.measure < time.Second || o.settle < 0 || o.limit < scale*time.Second:
		return fmt.Errorf("-for %v, -settle %v, -limit %v; want at least 1s, 0s and %v", o.measure, o.settle, o.limit, scale*time.Second)
	}
	return nil
}

// list reads names that are among known.
func list(into *[]string, known []string) func(string) error {
	return func(text string) error {
		*into = nil
		for name := range strings.SplitSeq(text, ",") {
			if !slices.Contains(known, name) {
				return fmt.Errorf("%q is none of %s", name, strings.Join(known, ", "))
			}
			*into = append(*into, name)
		}
		return nil
	}
}

func percentages(into *[]float64) func(string) error {
	return func(text string) error {
		*into = nil
		for word := range strings.SplitSeq(text, ",") {
			p, err := strconv.ParseFloat(word, 64)
			if err != nil || !(p > 0 && p <= 100) {
				return fmt.Errorf("%q, want above 0 and at most 100", word)
			}
			*into = append(*into, p)
		}
		return nil
	}
}
