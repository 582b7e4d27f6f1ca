//go:build unix

package aggregate

import (
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
)

// A fleet is a Prometheus that has scraped every 15 s so many locations, in each of which there are the
// same checks.
type fleet struct {
	locations int
	took      time.Duration // of the processor, for its answers
}

// ServeHTTP answers queries such as runs{200-299}[345s].
func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begun := processor()
	defer func() { f.took += processor() - begun }()
	var first, last, back int
	counter, rest, _ := strings.Cut(r.FormValue("query"), "{")
	fmt.Sscanf(rest, "%d-%d}[%ds]", &first, &last, &back)
	to, _ := strconv.ParseFloat(r.FormValue("time"), 64)
	w.Write(f.answer(counter, first, last, int(to)-back, int(to)))
}

func (f *fleet) answer(counter string, first, last, from, to int) []byte {
	b := []byte(`{"status":"success","data":{"resultType":"matrix","result":[`)
	separator := ""
	for location := range f.locations {
		for check := first; check <= last; check++ {
			b = fmt.Appendf(b, `%s{"metric":{"__name__":"authprober_%s_total","check":"team-%04d","instance":"authprober-0.region-%02d.example:9870",`+
				`"job":"authprober","location":"region-%02d","namespace":"authprober"},"values":`, separator, counter, check, location, location)
			b = append(series(b, counter == "runs", from, to), '}')
			separator = ","
		}
	}
	return append(b, `]}}`...)
}

// series is one that counts a run each 10 s, or a failure in three hours.
func series(b []byte, runs bool, from, to int) []byte {
	separator := byte('[')
	for at := from/15*15 + 15; at <= to; at += 15 {
		value := at / 10
		if !runs {
			value = at / 10000
		}
		b = fmt.Appendf(b, `%c[%d.%03d,"%d"]`, separator, at-1, at%997, value)
		separator = ','
	}
	return append(b, ']')
}

// aggregatorOfFleet judges so many checks, of which so many are read at once.
func aggregatorOfFleet(f *fleet, checks, atOnce int) *Aggregator {
	a := aggregatorOf(newFake(), nil)
	a.o.API = apiOf(f.ServeHTTP)
	a.o.Subject = func(values []string) (Subject, bool) {
		c := &prober.Check{Name: prober.PooledPrefix + values[0], Objective: objective, Schedule: prober.Schedule{Every: 10 * time.Second}}
		return Subject{Check: c, Params: Scheduled(c, 15*time.Second)}, true
	}
	a.o.Known = nil
	for check := range checks {
		a.o.Known = append(a.o.Known, []string{fmt.Sprintf("team-%04d", check)})
	}
	for first := 0; first < checks; first += atOnce {
		some := fmt.Sprintf("{%d-%d}", first, min(first+atOnce, checks)-1)
		a.o.Source.Queries = append(a.o.Source.Queries, Query{"runs" + some, "failures" + some})
	}
	a.begin(time.Unix(1764284400, 0))
	return a
}

// BenchmarkFleet reads what 50 locations with so many checks count: an hour of the past, and then what is
// new every 15 s. Processor time is without that of making up the answers, and per hour or reading. MiB are
// those of the process so far, answers and all, and of the heap after a collection.
func BenchmarkFleet(b *testing.B) {
	for _, checks := range []int{200, 2000} {
		f := &fleet{locations: 50}
		a := aggregatorOfFleet(f, checks, 50)
		now := time.Unix(1764284400, 0)
		b.Run(fmt.Sprintf("checks=%d/hour", checks), func(b *testing.B) {
			a.o.Replay = time.Hour
			f.measure(b, func() error { a.begin(now); return a.Poll(b.Context(), now) })
			if got := len(a.order); got != checks {
				b.Fatalf("%d checks, want %d", got, checks)
			}
		})
		b.Run(fmt.Sprintf("checks=%d/interval", checks), func(b *testing.B) {
			f.measure(b, func() error { now = now.Add(a.o.Every); return a.Poll(b.Context(), now) })
		})
	}
}

// measure does it b.N times.
func (f *fleet) measure(b *testing.B, do func() error) {
	f.took = 0
	begun := processor()
	for range b.N {
		if err := do(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((processor()-begun-f.took).Seconds()/float64(b.N), "cpu-s")
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.Sys)/(1<<20), "MiB")
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB-heap")
}

// processor is the time of the processor that this process has had.
func processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
