package main

import (
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// smallHeap is up to what the daemon is frugal with memory, in bytes.
const smallHeap = 16 << 20

// frugal makes the daemon trade a little processor time for memory: what it has
// to do is small, and it sits beside other things on a machine. It is called
// before the configuration is loaded, and what it returns once that is done.
// Loading makes much garbage; collecting it often keeps what lives on together,
// which is three megabytes less for fifty flows. Of thousands it would be most of
// what loading costs, so that each collection sets anew how soon the next one is.
// GOGC, where it is set, has its way.
func frugal() (settle func()) {
	if os.Getenv("GOGC") != "" {
		return debug.FreeOSMemory
	}
	t := &thrift{least: 10}
	debug.SetGCPercent(10)
	t.watch()
	return func() {
		t.mu.Lock()
		t.least = 25
		t.mu.Unlock()
		debug.FreeOSMemory()
		t.adjust()
	}
}

// A thrift sets GOGC after each collection, by what lives on.
type thrift struct {
	mu    sync.Mutex
	least int // of GOGC
	now   int // GOGC; 0 before it was adjusted
}

// watch adjusts GOGC after the next collection, and after each one from then on.
func (t *thrift) watch() {
	type garbage struct{ _ *byte } // with a pointer: what has none may share its place with what is in use
	runtime.AddCleanup(new(garbage), func(t *thrift) {
		t.adjust()
		t.watch()
	}, t)
}

func (t *thrift) adjust() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	t.mu.Lock()
	defer t.mu.Unlock()
	if want := gcPercent(live[0].Value.Uint64(), t.least); want != t.now { // to set it stops the world
		debug.SetGCPercent(want)
		t.now = want
	}
}

// gcPercent is GOGC for what lives on, in bytes: 25 for a small heap, 100 for
// one of four times that, in proportion for others, and never below least.
func gcPercent(live uint64, least int) int {
	return int(min(max(25*live/smallHeap, uint64(least)), 100))
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
