package prober

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
)

// JointSeriesBudget is how many series of run failures, check x step x reason,
// are there at zero from the start. Where the checks have more of them, none is,
// and each is created with its first failure, since they would be most of what
// every scrape carries; authprober_runs_failed_total is at zero always.
const JointSeriesBudget = 20_000

// MetricsOptions are what Metrics are made of.
type MetricsOptions struct {
	Checks []*Check
	// Registry gets what is not of checks; nothing else need be in it. What is of checks
	// is not in it: gather from the [Metrics].
	Registry *prometheus.Registry
	// Judge is asked at each scrape, so that ratios change with time alone, and for
	// the groups. Without one, which is nil, neither is there.
	Judge *Judge
	// Pools, which may be nil, is asked at each scrape how the accounts stand. It
	// must name each pool once.
	Pools func() []PoolStatus
	// History, unless nil, is asked at each scrape how the history is.
	History func() HistoryStatus
	// Exports, which may be nil, is asked at each scrape how exporting stands. It must
	// name each signal once.
	Exports func() []ExportStatus
	// Control, which may be nil, is asked at each scrape how the prober itself is.
	Control func() ControlStatus
	// Alertmanagers are the names of those that alerts are given to directly.
	Alertmanagers []string
	// Version and Revision of the program; either may be empty.
	Version, Revision string
}

// NewRegistry returns a registry with the metrics of the Go runtime and of the
// process.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Metrics is the [Observer] that counts for Prometheus. It
// may be gathered by any goroutine.
type Metrics struct {
	registry *prometheus.Registry
	standing *prometheus.Registry // how checks stand: gathered beside the other
	judge    *Judge               // nil where there is none
	in       *instruments
	info     *checkInfo

	// mu makes a run, or a due time missed, one thing to every scrape: observing
	// writes, gathering reads.
	mu     sync.RWMutex
	checks map[string]*checkInstruments // by name
}

// NewMetrics registers every instrument and creates every series that is known
// in advance.
func NewMetrics(opts MetricsOptions) (*Metrics, error) {
	if err := Validate(opts.Checks); err != nil {
		return nil, err
	}
	m := &Metrics{registry: opts.Registry, standing: prometheus.NewRegistry(), judge: opts.Judge, in: newInstruments(), info: &checkInfo{}, checks: map[string]*checkInstruments{}}
	for _, name := range opts.Alertmanagers {
		m.in.forAlertmanager(name)
	}
	m.in.buildInfo(opts.Version, opts.Revision)
	m.ReplaceChecks(opts.Checks)
	collectors := append(m.in.others(), newPoolCollector(opts.Pools), newExportCollector(opts.Exports), newControlCollector(opts.Control), m.info)
	if opts.History != nil {
		collectors = append(collectors, newHistoryCollector(opts.History))
	}
	var errs []error
	if opts.Judge != nil {
		errs = append(errs, m.standing.Register(newStatusCollector(opts.Judge.All)))
	}
	for _, c := range collectors {
		errs = append(errs, opts.Registry.Register(c))
	}
	return m, errors.Join(errs...)
}

// ReplaceChecks implements [Replacer]. The series of a check go on where those of its
// name were, for the steps and limits that it still has. Those of others go; a run of
// them that is in flight is not counted.
func (m *Metrics) ReplaceChecks(checks []*Check) {
	m.mu.Lock()
	defer m.mu.Unlock()
	joint := jointSeries(checks) <= JointSeriesBudget
	named := slices.Clone(checks) // what has gauges; counters are of checks alone, so that sums count nothing twice
	if m.judge != nil {
		for _, g := range Groups(checks) {
			named = append(named, g.Check)
		}
	}
	m.forget(named)
	before := m.checks
	m.checks = map[string]*checkInstruments{}
	for _, c := range checks {
		x := m.in.forCheck(c, joint)
		if old := before[c.Name]; old != nil {
			maps.Copy(x.failures, old.failures)
		}
		m.checks[c.Name] = x
	}
	for _, c := range named {
		m.in.limits(c)
	}
	m.info.replace(named)
	m.in.ofChecks.changed()
}

// jointSeries is the number of series of run failures that could be.
func jointSeries(checks []*Check) (n int) {
	for _, c := range checks {
		for _, reasons := range c.Reasons {
			n += len(reasons)
		}
	}
	return n
}

// Gather implements [prometheus.Gatherer] for everything in the registry, and for what is
// counted of checks and how they stand. A run is in all of what it returns or in nothing of it: in every single scrape,
// due = passed + failed + errored + aborted + missed.
func (m *Metrics) Gather() ([]*dto.MetricFamily, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return gatherAll(m.registry, m.standing, m.in.ofChecks)
}

// ObserveRun implements [Observer]. Runs of other checks are ignored.
func (m *Metrics) ObserveRun(r *Run) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.checks[r.Check.Name]; c != nil {
		c.run(r)
	}
}

// ObserveMissed implements [Observer].
func (m *Metrics) ObserveMissed(x Missed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.checks[x.Check.Name]; c != nil {
		c.miss(x)
	}
}

// ObservePace implements [PaceObserver].
func (m *Metrics) ObservePace(p PaceChange) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c := m.checks[p.Check.Name]; c != nil {
		c.governed.Set(one(p.To == PaceGoverned))
		c.paused.Set(one(p.To == PacePaused))
	}
}

// ObserveReload records whether the configuration was loaded at the given time.
// Before the first call both of its series are 0.
func (m *Metrics) ObserveReload(ok bool, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !ok {
		m.in.reloadOK.Set(0)
		return
	}
	m.in.reloadOK.Set(1)
	m.in.reloadAt.Set(unix(at))
}

// unix is a time as Prometheus has it, in seconds, to the millisecond.
func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }
