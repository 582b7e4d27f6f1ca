package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// A soakScrape is what /metrics says.
type soakScrape map[string]*dto.MetricFamily

func soakMetrics(t *testing.T, address string) soakScrape {
	t.Helper()
	text, err := get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// value is that of a metric without labels.
func (s soakScrape) value(name string) float64 {
	for _, m := range s[name].GetMetric() {
		return m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return 0
}

// by is a counter of the checks, by the value of one more label; "" where there is none.
func (s soakScrape) by(name, label string) map[string]map[string]int {
	all := map[string]map[string]int{}
	for _, m := range s[name].GetMetric() {
		var check, value string
		for _, l := range m.GetLabel() {
			switch l.GetName() {
			case "check":
				check = l.GetValue()
			case label:
				value = l.GetValue()
			}
		}
		if all[check] == nil {
			all[check] = map[string]int{}
		}
		all[check][value] += int(m.GetCounter().GetValue())
	}
	return all
}

// counts are those of each check, and its due times as they were counted by themselves.
func (s soakScrape) counts() (of map[string]*soakCounts, due map[string]int) {
	of, due = map[string]*soakCounts{}, map[string]int{}
	failed, other, missed := s.by("authprober_runs_failed_total", ""), s.by("authprober_runs_inconclusive_total", "outcome"), s.by("authprober_runs_missed_total", "reason")
	for check, runs := range s.by("authprober_runs_total", "") {
		c := &soakCounts{Passed: runs[""] - failed[check][""], Failed: failed[check][""],
			Errored: other[check]["errored"], Aborted: other[check]["aborted"], Missed: missed[check]}
		maps.DeleteFunc(c.Missed, func(_ string, n int) bool { return n == 0 })
		of[check] = c
	}
	for check, n := range s.by("authprober_runs_due_total", "") {
		due[check] = n[""]
	}
	return of, due
}

// A soakSample is what a daemon holds on to, between incidents.
type soakSample struct {
	At                                  time.Time
	Files, Sockets, Goroutines, Threads float64
	Heap, Resident, History             float64 // bytes: what lives on of the heap
	Series                              float64
	Oldest                              time.Time // run of the history
}

// soakKinds are what has to stay flat, and by how much the last third may be above the
// first: a share, and so much beside it. What is under way differs by chance: a check has a
// run or two, of some goroutines and a socket each. In the short test, in which little can
// grow, that is all there is, and what fills at first is not looked at: the heap has whom to
// blame and windows of 24 hours, SQLite its cache and its file.
var soakKinds = []struct {
	name         string
	of           func(soakSample) float64
	share, extra float64
	short        float64 // in place of extra in the short test; 0 is not held
}{
	{"files", func(s soakSample) float64 { return s.Files }, 0.1, 30, 200},
	{"sockets", func(s soakSample) float64 { return s.Sockets }, 0.1, 30, 200},
	{"goroutines", func(s soakSample) float64 { return s.Goroutines }, 0.1, 120, 1000},
	{"series", func(s soakSample) float64 { return s.Series }, 0.02, 100, 100},
	{"threads", func(s soakSample) float64 { return s.Threads }, 0.25, 10, 0},
	{"heap MB", func(s soakSample) float64 { return s.Heap / 1e6 }, 0.25, 8, 0},
	{"resident MB", func(s soakSample) float64 { return s.Resident / 1e6 }, 0.25, 24, 0},
	{"history MB", func(s soakSample) float64 { return s.History / 1e6 }, 0, 33.6*1.1 + 16, 0}, // its limit, and the log of SQLite
}

func (s soakSample) String() string {
	return fmt.Sprintf("%.0f files, %.0f sockets, %.0f goroutines, %.0f threads, %.1f MB of heap, %.1f MB resident, %.1f MB of history",
		s.Files, s.Sockets, s.Goroutines, s.Threads, s.Heap/1e6, s.Resident/1e6, s.History/1e6)
}

// soakSampled looks at a daemon.
func soakSampled(t *testing.T, pid int, state string, m soakScrape) soakSample {
	t.Helper()
	s := soakSample{At: time.Now(), Goroutines: m.value("go_goroutines"), Threads: m.value("go_threads"),
		Heap:     m.value("go_memstats_next_gc_bytes") / (1 + m.value("go_gc_gogc_percent")/100), // by when it is collected next
		Resident: m.value("process_resident_memory_bytes")}
	for _, f := range m {
		s.Series += float64(len(f.GetMetric()))
	}
	if at := m.value("authprober_history_oldest_timestamp_seconds"); at > 0 {
		s.Oldest = time.UnixMilli(int64(at * 1000))
	}
	fds := fmt.Sprintf("/proc/%d/fd", pid)
	open, err := os.ReadDir(fds)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range open {
		to, err := os.Readlink(filepath.Join(fds, fd.Name()))
		if err != nil {
			continue // it was closed meanwhile
		}
		s.Files++
		if strings.HasPrefix(to, "socket:") {
			s.Sockets++
		}
	}
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(filepath.Join(state, "history.db"+suffix)); err == nil {
			s.History += float64(info.Size())
		}
	}
	return s
}

// holdFlat compares the median of the first third with that of the last one. Those of the
// beginning, while pools and caches fill, are left out.
func (s *soak) holdFlat(t *testing.T, long bool) {
	first := len(s.samples)/10 + 1
	if long { // before the first incident there is nothing to remember
		first = max(first, 5)
	}
	samples := s.samples[first:]
	third := len(samples) / 3
	for _, k := range soakKinds {
		early, late := median(samples[:third], k.of), median(samples[len(samples)-third:], k.of)
		t.Logf("%-12s %8.1f in the first third of %v, %8.1f in the last", k.name, early, samples[len(samples)-1].At.Sub(samples[0].At).Round(time.Second), late)
		extra := k.extra
		if !long {
			extra = k.short
		}
		if extra > 0 && late > early*(1+k.share)+extra {
			t.Errorf("%s grow: %.1f in the first third, %.1f in the last", k.name, early, late)
		}
	}
	if last := samples[len(samples)-1]; long && time.Since(s.begun) > 2*time.Hour && last.Oldest.Before(s.begun.Add(time.Hour)) {
		t.Errorf("the oldest run of the history is of %v: nothing has gone", last.Oldest)
	}
}

func median(samples []soakSample, of func(soakSample) float64) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// processorTime is what a process has used.
func processorTime(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := regexp.MustCompile(`\S+`).FindAllString(string(stat[bytes.LastIndexByte(stat, ')')+1:]), 14)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // a tick is a hundredth of a second
}
