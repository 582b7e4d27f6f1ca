package main

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestMarkdown(t *testing.T) {
	burn := func(percent float64, after time.Duration, early bool) page {
		return page{rule{"gatus", burnRate}, percent, after, early}
	}
	r := &report{
		At: "2026-11-28 03:00", Command: "go run ./deploy/compare", Machine: "2 cores of X", Load: "1 2 3 → 2 2 3",
		Versions: map[string]string{"go": "1.26.8", "cloudprober": "0.14.4"}, Missing: []string{"gatus"}, Limit: 4 * time.Hour,
		Cost: map[string][]cost{"bare": {
			{100, 10, 1.2, memory{12, 11.4, 4}}, {100, 9.94, 1.0, memory{12, 11, 4}}, {100, 10, 1.1, memory{13, 11, 4}},
		}},
		Ratio: map[string][]ratio{"bare": {{20, 20, 300}, {19.6666, 19.6666, 300}}},
		Pages: []page{
			burn(2, 40*time.Minute, false), burn(2, 30*time.Minute, false), burn(2, 61*time.Minute, false), burn(2, 35*time.Minute, false),
			burn(5, 20*time.Minute, false), burn(5, never, false),
			burn(20, never, true), burn(20, never, false),
		},
		Notes: []string{"5 %, seed 3: 2 flows of gatus failed that met no fault"},
		tools: []tool{{name: "bare", about: "net/http"}, {name: "gatus", job: "gatus", about: "kept"}, {name: "cloudprober", about: "script"}},
		rates: []float64{0.1, 2, 5, 20}, costs: true, ratios: true, paging: true,
	}
	const want = `    go run ./deploy/compare

2026-11-28 03:00 UTC, 2 cores of X, load 1 2 3 → 2 2 3.
cloudprober 0.14.4, go 1.26.8.
Not installed: gatus.

| tool | how | CPU ms a flow | flows a second | MiB at most | MiB resident | MiB private |
|---|---|---:|---:|---:|---:|---:|
| bare | net/http | 1.10 (1.00–1.20) | 10.0 (9.9–10.0) | 12 (12–13) | 11 | 4 |
| gatus | kept | not installed |  |  |  |  |
| cloudprober | script | failed |  |  |  |  |

| tool | how | failed, it says | of its logins, the bank says | flows |
|---|---|---:|---:|---:|
| bare | net/http | 20, 20 % | 20, 20 % | 300 |
| gatus | kept | not installed |  |  |
| cloudprober | script | failed |  |  |

| tool | rule | 0.1 % | 2 % | 5 % | 20 % |
|---|---|---:|---:|---:|---:|
| gatus | 3 in a row | not installed | not installed | not installed | not installed |
| gatus | burn rate 99.9 % | not installed | 37m30s (30m–1h1m) | 1 of 2, from 20m on | not within 4h, 1 before the fault |

Strange: 5 %, seed 3: 2 flows of gatus failed that met no fault.
`
	if got := r.markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestInService(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0s", 4: "0s", 12: "10s", 60: "1m", 94: "1m30s", 3599: "1h", 3600: "1h", 3690: "1h2m", 14400: "4h", 36000: "10h",
	} {
		if got := inService(seconds); got != want {
			t.Errorf("%v is %s, want %s", seconds, got, want)
		}
	}
}

func TestFailed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var r report
	if err := r.failed(ctx, "cost of x", nil); err != nil || r.Failed != 0 {
		t.Errorf("what has not failed is noted: %v, %q", err, r.Notes)
	}
	if err := r.failed(ctx, "cost of x", errors.New("gone")); err != nil || r.Failed != 1 || r.Notes[0] != "cost of x failed: gone" {
		t.Errorf("got %v, %d, %q", err, r.Failed, r.Notes)
	}
	cancel()
	if err := r.failed(ctx, "cost of y", errors.New("gone")); err == nil || r.Failed != 1 {
		t.Errorf("an interrupt does not end it: %v, %q", err, r.Notes)
	}
}

func TestSlow(t *testing.T) {
	r := report{Cost: map[string][]cost{}}
	r.addCost("bare", cost{PerSec: 9.1})
	r.addCost("gatus", cost{PerSec: 4.24})
	if len(r.Notes) != 1 || r.Notes[0] != "cost of gatus: 4.2 flows a second, want 10" {
		t.Errorf("got %q", r.Notes)
	}
}
