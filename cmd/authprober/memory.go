package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// frugal makes the daemon trade a little processor time for memory: what it has
// to do is small, and it sits beside other things on a machine. It is called
// once the configuration is loaded. Each scrape makes garbage of half the size of
// what lives on, so the heap of a few checks would mostly be garbage; the soft
// limit has it collected sooner. GOGC and GOMEMLIMIT, where they are set, have
// their way.
func frugal() {
	debug.FreeOSMemory() // what loading the configuration needed
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent(m.HeapAlloc))
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit(m.HeapAlloc))
	}
}

// gcPercent is GOGC for what lives on, in bytes: 25 up to 16 MiB, 100 from 64
// MiB, and in proportion between.
func gcPercent(live uint64) int {
	const small, large = 16 << 20, 64 << 20
	switch {
	case live <= small:
		return 25
	case live >= large:
		return 100
	}
	return int(live * 100 / large)
}

// memoryLimit is GOMEMLIMIT for what lives on, in bytes: room for that, for a
// scrape's garbage, and for the runtime itself. What lives on is bounded by the
// configuration; a limit that is passed costs processor time, never a run.
func memoryLimit(live uint64) int64 { return int64(live/4*7) + 4<<20 }
