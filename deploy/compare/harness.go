package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A harness measures.
type harness struct {
	options
	dir   string // for everything, and removed at the end
	tools []tool
	paths map[string]string // of tools and of prometheus by name; "" is not installed
	notes io.Writer         // how far it is
}

var prometheusNames = []string{"prometheus"}

// compare does all that the options say, and writes the result to out.
func compare(ctx context.Context, o options, out, notes io.Writer) error {
	dir, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	h := &harness{options: o, dir: dir, notes: notes}
	if err := h.find(ctx); err != nil {
		return err
	}
	r := newReport(ctx, h)
	if err := h.measureAll(ctx, r); err != nil {
		return err
	}
	r.finish()
	if o.json {
		err = r.writeJSON(out)
	} else {
		_, err = io.WriteString(out, r.markdown())
	}
	if err == nil && r.Failed > 0 {
		err = fmt.Errorf("%d measurements failed; the report says which", r.Failed)
	}
	return err
}

// find looks for the tools, and builds authprober if there is none.
func (h *harness) find(ctx context.Context) (err error) {
	if h.authprober == "" {
		h.authprober = filepath.Join(h.dir, "authprober")
		build := exec.CommandContext(ctx, "go", "build", "-buildvcs=auto", "-trimpath", "-ldflags=-s -w", "-o", h.authprober, "github.com/authprober/authprober/cmd/authprober")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building authprober: %w\n%s", err, out)
		}
	}
	if h.authprober, err = filepath.Abs(h.authprober); err != nil {
		return err
	}
	h.paths = map[string]string{"authprober": h.authprober, "prometheus": installed(prometheusNames)}
	var missing []string
	for _, t := range tools {
		if len(h.options.tools) > 0 && !slices.Contains(h.options.tools, t.name) {
			continue
		}
		h.tools = append(h.tools, t)
		if h.paths[t.name], err = t.path(h.authprober); err != nil {
			return err
		}
		if h.paths[t.name] == "" {
			missing = append(missing, t.name)
		}
	}
	if slices.Contains(h.parts, "page") && h.paths["prometheus"] == "" {
		missing = append(missing, "prometheus")
	}
	if len(missing) > 0 && h.require {
		return fmt.Errorf("not installed: %s", strings.Join(missing, ", "))
	}
	for _, name := range missing {
		h.note("%s: not installed", name)
	}
	return nil
}

func (h *harness) note(format string, args ...any) { fmt.Fprintf(h.notes, format+"\n", args...) }

// rules are those that can page, of the tools that take part and are installed.
func (h *harness) rules() (found []rule) {
	for _, r := range rules {
		for _, t := range h.tools {
			if t.job == r.Job && h.paths[t.name] != "" && (!r.prometheus || h.paths["prometheus"] != "") {
				found = append(found, r.rule)
			}
		}
	}
	return found
}

// measureAll takes the tools in turns, so that what the machine does besides meets all alike.
// A measurement that fails is noted, and the others go on: it returns what ends them all.
func (h *harness) measureAll(ctx context.Context, r *report) error {
	err := h.repeat("cost", 1, func(t tool, seed uint64) error {
		c, err := h.cost(ctx, t, seed)
		if err == nil {
			r.addCost(t.name, c)
		}
		return r.failed(ctx, fmt.Sprintf("cost of %s, seed %d", t.name, seed), err)
	})
	if err != nil {
		return err
	}
	err = h.repeat("ratio", len(h.tools), func(t tool, seed uint64) error {
		c, err := h.ratio(ctx, t, seed)
		if err == nil {
			r.addRatio(t.name, c)
		}
		return r.failed(ctx, fmt.Sprintf("ratio of %s, seed %d", t.name, seed), err)
	})
	if err != nil || !slices.Contains(h.parts, "page") {
		return err
	}
	return h.allPages(ctx, r)
}

// repeat makes a part's measurements of all tools that are installed, so many tools at once,
// if the part was asked for.
func (h *harness) repeat(part string, atOnce int, measure func(t tool, seed uint64) error) error {
	if !slices.Contains(h.parts, part) {
		return nil
	}
	for i := range h.repetitions {
		h.note("%s, repetition %d of %d", part, i+1, h.repetitions)
		var calls []func() error
		for _, t := range h.tools {
			if h.paths[t.name] != "" {
				calls = append(calls, func() error { return measure(t, h.seed+uint64(i)) })
			}
		}
		if err := atMost(atOnce, calls); err != nil {
			return err
		}
	}
	return nil
}

// allPages goes through every rate and repetition.
func (h *harness) allPages(ctx context.Context, r *report) error {
	var calls []func() error
	for i := range h.repetitions {
		for _, percent := range h.rates {
			calls = append(calls, func() error {
				h.note("page at %v %%, repetition %d of %d", percent, i+1, h.repetitions)
				pages, strange, err := h.page(ctx, percent, h.seed+uint64(i))
				if err == nil {
					r.addPages(pages, strange)
				}
				return r.failed(ctx, fmt.Sprintf("page at %v %%, seed %d", percent, h.seed+uint64(i)), err)
			})
		}
	}
	return atMost(h.parallel, calls)
}

// atMost makes all calls, n at once, and no more after one has failed.
func atMost(n int, calls []func() error) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
		next int
	)
	take := func() func() error {
		mu.Lock()
		defer mu.Unlock()
		if next == len(calls) || len(errs) > 0 {
			return nil
		}
		next++
		return calls[next-1]
	}
	for range n {
		wg.Go(func() {
			for f := take(); f != nil; f = take() {
				if err := f(); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
