package main

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A report is all that was measured, and on what. Adding is safe for concurrent use.
type report struct {
	At       string            `json:"at"`
	Command  string            `json:"command"`
	Machine  string            `json:"machine"`
	Load     string            `json:"load"` // /proc/loadavg, at the beginning and the end
	Versions map[string]string `json:"versions"`
	Missing  []string          `json:"not_installed,omitempty"`
	Limit    time.Duration     `json:"limit"`

	mu     sync.Mutex
	Cost   map[string][]cost  `json:"cost,omitempty"`
	Ratio  map[string][]ratio `json:"ratio,omitempty"`
	Pages  []page             `json:"pages,omitempty"`
	Notes  []string           `json:"notes,omitempty"`  // what is strange about it
	Failed int                `json:"failed,omitempty"` // measurements, each with a note
	tools  []tool
	rates  []float64
	costs  bool
	ratios bool
	paging bool
}

func newReport(ctx context.Context, h *harness) *report {
	r := &report{
		At: time.Now().UTC().Format("2006-01-02 15:04"), Command: h.command, Machine: machine(), Load: load(),
		Versions: map[string]string{"go": strings.TrimPrefix(runtime.Version(), "go")}, Limit: h.limit,
		Cost: map[string][]cost{}, Ratio: map[string][]ratio{}, tools: h.tools, rates: h.rates,
		costs: slices.Contains(h.parts, "cost"), ratios: slices.Contains(h.parts, "ratio"), paging: slices.Contains(h.parts, "page"),
	}
	for _, t := range append(slices.Clone(h.tools), tool{name: "prometheus", version: []string{"--version"}}) {
		switch path := h.paths[t.name]; {
		case path == "":
			r.Missing = append(r.Missing, t.name)
		case t.name == "authprober":
			r.Versions[t.name] = revision(ctx, path)
		case t.name != "bare":
			r.Versions[strings.TrimSuffix(t.name, "-close")] = versionOf(ctx, path, t.version)
		}
	}
	return r
}

// revision is the commit that authprober was built from, where the build has noted it, or
// what it says itself.
func revision(ctx context.Context, path string) string {
	if info, err := buildinfo.ReadFile(path); err == nil {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) > 10 {
				return "at " + s.Value[:10]
			}
		}
	}
	out, _ := exec.CommandContext(ctx, path, "version").CombinedOutput() // "" where it does not say
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "authprober ")
}

func (r *report) addCost(name string, c cost) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Cost[name] = append(r.Cost[name], c)
	if c.slow() {
		r.Notes = append(r.Notes, fmt.Sprintf("cost of %s: %.1f flows a second, want %d", name, c.PerSec, time.Second/interval))
	}
}

func (r *report) addRatio(name string, c ratio) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Ratio[name] = append(r.Ratio[name], c)
}

func (r *report) addPages(pages []page, strange []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Pages = append(r.Pages, pages...)
	r.Notes = append(r.Notes, strange...)
}

// failed notes that a measurement has failed, if it has; the error is that of ctx.
func (r *report) failed(ctx context.Context, what string, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Failed++
	r.Notes = append(r.Notes, fmt.Sprintf("%s failed: %v", what, err))
	return nil
}

// finish notes what there is at the end.
func (r *report) finish() { r.Load += " → " + load() }

func (r *report) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// markdown is the report for readers.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "    %s\n\n%s UTC, %s, load %s.\n", r.Command, r.At, r.Machine, r.Load)
	var versions []string
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		versions = append(versions, name+" "+r.Versions[name])
	}
	fmt.Fprintf(&b, "%s.\n", strings.Join(versions, ", "))
	if len(r.Missing) > 0 {
		fmt.Fprintf(&b, "Not installed: %s.\n", strings.Join(r.Missing, ", "))
	}
	if r.costs {
		b.WriteString("\n" + r.costTable())
	}
	if r.ratios {
		b.WriteString("\n" + r.ratioTable())
	}
	if r.paging {
		b.WriteString("\n" + r.pageTable())
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "\nStrange: %s.\n", note)
	}
	return b.String()
}

// missing tells that a tool takes no part for want of it.
func (r *report) missing(name string) bool { return slices.Contains(r.Missing, name) }

var (
	cpuModel = regexp.MustCompile(`(?m)^model name\s*: (.*)$`)
	memTotal = regexp.MustCompile(`(?m)^MemTotal:\s+(\d+) kB$`)
)

// machine is how large it is, as far as it says.
func machine() string {
	model := runtime.GOARCH
	text, _ := os.ReadFile("/proc/cpuinfo") // its model is not everywhere
	if m := cpuModel.FindSubmatch(text); m != nil {
		model = string(m[1])
	}
	size := ""
	text, _ = os.ReadFile("/proc/meminfo")
	if m := memTotal.FindSubmatch(text); m != nil {
		kb, _ := strconv.ParseFloat(string(m[1]), 64) // digits alone
		size = fmt.Sprintf("%.0f GiB, ", kb/(1<<20))
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%d cores of %s, %sLinux %s", runtime.NumCPU(), model, size, strings.TrimSpace(string(kernel)))
}

func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	words := strings.Fields(string(text))
	return strings.Join(words[:min(3, len(words))], " ")
}
