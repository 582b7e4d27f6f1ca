package main

import (
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
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

// tidyAfter gives the garbage of a scrape back to the system. While the heap is
// small that garbage is half as much again, and would stay resident until the
// next scrape.
func tidyAfter(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		if r.URL.Path != "/metrics" {
			return
		}
		var m runtime.MemStats
		if runtime.ReadMemStats(&m); m.HeapAlloc < 2*smallHeap {
			debug.FreeOSMemory()
		}
	})
}
