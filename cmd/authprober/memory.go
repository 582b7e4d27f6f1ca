package main

import (
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// smallHeap is up to what the daemon is frugal with memory, in bytes.
const smallHeap = 16 << 20

// frugal makes the daemon trade a little processor time for memory: what it has
// to do is small, and it sits beside other things on a machine. It is called
// before the configuration is loaded, and what it returns once that is done.
// Loading makes much garbage; collecting it often keeps what lives on together,
// which is three megabytes less for fifty flows. GOGC, where it is set, has its
// way.
func frugal() (settle func()) {
	if os.Getenv("GOGC") != "" {
		return debug.FreeOSMemory
	}
	debug.SetGCPercent(10)
	return func() {
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		debug.SetGCPercent(gcPercent(m.HeapAlloc))
	}
}

// gcPercent is GOGC for what lives on, in bytes: 25 for a small heap, 100 for
// one of four times that, and in proportion between.
func gcPercent(live uint64) int {
	return int(min(max(25*live/smallHeap, 25), 100))
}

// tidyEvery is the least time between two tidyings: whoever may scrape must not
// be able to keep the collector busy, and so disturb what is measured.
const tidyEvery = 5 * time.Second

// tidyAfter gives the garbage of a scrape back to the system. While the heap is
// small that garbage is half as much again, and would stay resident until the
// next scrape.
func tidyAfter(h http.Handler) http.Handler {
	var last atomic.Int64 // when, in nanoseconds
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		now, before := time.Now().UnixNano(), last.Load()
		if r.URL.Path != "/metrics" || now-before < int64(tidyEvery) || !last.CompareAndSwap(before, now) {
			return
		}
		var m runtime.MemStats
		if runtime.ReadMemStats(&m); m.HeapAlloc < 2*smallHeap {
			debug.FreeOSMemory()
		}
	})
}
