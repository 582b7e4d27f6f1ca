package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/authprober/authprober/prober"
)

// A location is one of them as a whole, in one process: what it has in memory, and how late its
// runs would be if they took processor time.
type location struct {
	Checks int
	// AtRest is the memory of judge and schedules of a check before any run. Fault is what
	// the worst moment of the fault of the whole bank adds to what there was before it.
	AtRest, Fault float64 // bytes a check
	Runs          int
	Processor     time.Duration // of a run
	Median, P99   time.Duration // lateness
	Longest       time.Duration
}

// A run of three steps over TLS takes as much of one core: docs/benchmarks.md.
const processorOfRun = 1100 * time.Microsecond

// measureLocation simulates all checks of the first location until the fault of the whole bank
// is over.
func measureLocation(w *world) (l location, err error) {
	l = location{Checks: w.Checks, Processor: processorOfRun}
	before := heap()
	bare, err := atRest(w)
	if err != nil {
		return l, err
	}
	l.AtRest = (heap() - before) / float64(w.Checks)
	runtime.KeepAlive(bare)
	p, err := newPlace(w, w.flows, 0)
	if err != nil {
		return l, err
	}
	var fault spell
	for _, f := range w.faultsOf(0) {
		if f.kind == bankWide {
			fault = f
		}
	}
	var starts []time.Time
	p.ran = func(r *prober.Run) { starts = append(starts, r.Start) }
	p.sim.RunUntil(fault.from)
	starts = nil
	quiet, most := heap(), 0.0
	for now := fault.from; now.Before(fault.to); now = now.Add(w.scaled(15 * time.Minute)) {
		p.sim.RunUntil(now)
		most = max(most, heap())
	}
	l.Fault = max(0, (most-quiet)/float64(w.Checks))
	l.queue(starts)
	runtime.KeepAlive(p)
	return l, nil
}

// atRest is what a prober has for each check that has never run.
func atRest(w *world) (*prober.Simulator, error) {
	var checks []*prober.Check
	for i := range w.flows {
		c := w.check(&w.flows[i])
		c.Begin = func(time.Time) (prober.Attempt, prober.MissReason) { return prober.Attempt{}, prober.MissPaused }
		checks = append(checks, c)
	}
	judge, err := prober.NewJudge(checks)
	if err != nil {
		return nil, err
	}
	return prober.NewSimulator(prober.Options{Checks: checks, Observers: []prober.Observer{judge}}, begin)
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// queue finds how late runs would begin on one core that makes one after the other.
func (l *location) queue(starts []time.Time) {
	slices.SortFunc(starts, time.Time.Compare)
	var late []time.Duration
	free := begin
	for _, at := range starts {
		from := later(at, free)
		late = append(late, from.Sub(at))
		free = from.Add(processorOfRun)
	}
	l.Runs = len(starts)
	l.Median, _ = quantile(late, 0, 0.5)
	l.P99, _ = quantile(late, 0, 0.99)
	l.Longest, _ = quantile(late, 0, 1)
}

func (l location) markdown() string {
	return fmt.Sprintf(`## One location as a whole

All %s checks of one location in one process, until the fault of the whole bank is over:

| | |
|---|---:|
| memory of judge and schedule, a check at rest | %.1f KiB |
| what the fault of the whole bank adds, a check | %.1f KiB |
| all checks together, during it | %.1f MiB |
| runs begun during it | %s |
| late, half of them, on one core at %v a run | %v |
| late, 99 %% of them | %v |
| late, the latest | %v |

`, thousands(l.Checks), l.AtRest/1024, l.Fault/1024, (l.AtRest+l.Fault)*float64(l.Checks)/(1<<20), thousands(l.Runs),
		l.Processor, l.Median.Round(10*time.Microsecond), l.P99.Round(10*time.Microsecond), l.Longest.Round(10*time.Microsecond))
}

// A cost is what the simulation took.
type cost struct {
	Wall, CPU time.Duration
	Runs      uint64
	Workers   int
}

func (c cost) markdown() string {
	return fmt.Sprintf("The simulation took %v by the clock and %v of processor time, %d teams at once: %.0f ns a run, with the world and all that is judged.\n",
		c.Wall.Round(time.Second), c.CPU.Round(time.Second), c.Workers, float64(c.CPU.Nanoseconds())/float64(max(1, c.Runs)))
}
