package history

import (
	"context"
	"database/sql"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
)

// The defaults of [Options].
const (
	DefaultAge  = 90 * 24 * time.Hour
	DefaultSize = 1 << 30
	MostMemory  = 16 << 20 // of a history in memory, whatever its size may be
)

const (
	writeEvery  = 500 * time.Millisecond
	mostQueued  = 16384 // records that wait to be written
	writeEarly  = 2048  // so many of them do not wait for their time
	tidyEvery   = time.Minute
	tidyAfter   = 50_000      // records, or after so many
	logTroubles = time.Minute // between two lines of the log on what goes wrong
)

// Options are what a Store is made of.
type Options struct {
	// Age is how long anything is kept, and Size about how many bytes the database may
	// have; zero is the default. Size is what is in use: a file may be some megabytes
	// larger, beside its log, which is 16 MiB at the most.
	Age  time.Duration
	Size int64
	// File is the path of the database, to be shown; "" says that it is in memory.
	File string
	// Renew, unless nil, is called when the database turns out to be damaged: it is
	// closed by then, and a new one is wanted. Where it fails it is called again a minute
	// later, and what is to be written waits.
	Renew func(context.Context) (*sql.DB, error)
	// Instead is why it is in memory although a file was wanted; nil where none was. It
	// counts as a write that failed.
	Instead error
	// Log gets what goes wrong; nil discards it.
	Log *zap.Logger
}

// A Store is a history that is written and read. It is a [prober.Observer], and its
// ObserveStateChange one of the functions that [prober.NewJudge] takes: among the
// observers it comes after the judge. All of it is safe for concurrent use.
type Store struct {
	opts Options
	db   atomic.Pointer[sql.DB]
	w    *writer // the writer's goroutine has it
	wake chan struct{}
	done chan struct{}
	seen func(query string, args []any) // for a test: each query that is asked

	attached map[string]bool // checks and groups that were restored or begun; Attach and ReplaceChecks have it

	mu      sync.Mutex
	most    int // records that may be queued
	queue   []*record
	changes []prober.StateChange // of the run that is about to be told
	judge   *prober.Judge
	states  map[string]*prober.Snapshot // by the name of the check
	dirty   map[string]bool
	last    RunID
	wrote   chan struct{}
	closed  bool
	writing bool // a batch is being written
	stats   Stats
	warned  time.Time
}

// A record is something to be written.
type record struct {
	id       RunID
	run      *prober.Run
	evidence float64
	flags    int
	group    float64 // evidence of the run's group; less than zero where it has none
	missed   *prober.Missed
	change   *prober.StateChange
}

// Stats are how a Store is.
type Stats struct {
	// Durable says that it outlives the process, in File.
	Durable bool
	File    string
	// Bytes are in use, and Limit may be.
	Bytes, Limit int64
	Age          time.Duration
	// Oldest is when the oldest run ended that is kept; zero where there is none. It
	// may be a minute old, as Bytes are.
	Oldest time.Time
	// Dropped counts what was never written, and WritesFailed the transactions that
	// failed, since the process began. LastError says why, of the last one.
	Dropped, WritesFailed uint64
	LastError             string
}

// New returns a store over a database that [OpenFile] or [OpenMemory] has opened, which
// it closes when it is closed itself. Its goroutine ends with [Store.Close], and not
// with ctx.
func New(ctx context.Context, db *sql.DB, opts Options) (*Store, error) {
	if opts.Age == 0 {
		opts.Age = DefaultAge
	}
	if opts.Size == 0 {
		opts.Size = DefaultSize
	}
	if opts.File == "" {
		opts.Size = min(opts.Size, MostMemory)
	}
	if opts.Log == nil {
		opts.Log = zap.NewNop()
	}
	s := &Store{
		opts: opts, most: mostQueued, wake: make(chan struct{}, 1), done: make(chan struct{}), wrote: make(chan struct{}),
		states: map[string]*prober.Snapshot{}, dirty: map[string]bool{},
		stats: Stats{Durable: opts.File != "", File: opts.File, Limit: opts.Size, Age: opts.Age},
	}
	if opts.Instead != nil {
		s.stats.WritesFailed, s.stats.LastError = 1, opts.Instead.Error()
	}
	s.db.Store(db)
	var err error
	if s.last, err = lastOf(ctx, db); err != nil {
		return nil, err
	}
	s.w = newWriter(s)
	go s.write(context.WithoutCancel(ctx))
	return s, nil
}

// lastOf is the id of the last run; 0 where there is none.
func lastOf(ctx context.Context, db *sql.DB) (RunID, error) {
	var last sql.NullInt64
	err := db.QueryRowContext(ctx, "SELECT max(id) FROM run").Scan(&last)
	return RunID(last.Int64), err
}

// Close writes what is queued and closes the database. Nothing is recorded from then on.
func (s *Store) Close() error {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	if already {
		return nil
	}
	s.rouse()
	<-s.done
	return s.db.Load().Close()
}

// Stats returns how the store is.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Status is what metrics say of the store.
func (s *Store) Status() prober.HistoryStatus {
	is := s.Stats()
	return prober.HistoryStatus{Durable: is.Durable, Bytes: is.Bytes, Limit: is.Limit, Oldest: is.Oldest,
		WritesFailed: is.WritesFailed, Dropped: is.Dropped}
}

// Flush returns when all that the store has been told so far is written, or will never
// be, or ctx is done.
func (s *Store) Flush(ctx context.Context) error {
	for {
		wrote := s.Wrote() // before looking: who looks and then takes it may wait for ever
		s.mu.Lock()
		done := len(s.queue) == 0 && !s.writing
		s.mu.Unlock()
		if done {
			return nil
		}
		s.rouse()
		select {
		case <-wrote:
		case <-s.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Wrote returns a channel that is closed when something more has been written: who
// waits for news takes it, looks, and then waits.
func (s *Store) Wrote() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrote
}

// ObserveRun implements [prober.Observer].
func (s *Store) ObserveRun(r *prober.Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &record{id: s.nextID(r.End()), run: r, group: -1}
	for _, c := range s.changes {
		s.add(&record{id: one.id, change: &c})
	}
	s.changes = nil
	if r.Confirm {
		one.flags |= flagConfirm
	}
	if now := s.judged(r.Check.Name); now != nil {
		one.evidence = now.Evidence
		if now.Counted {
			one.flags |= flagCounted
		}
	}
	if r.Check.Group != "" {
		if now := s.judged(groupPrefix + r.Check.Group); now != nil {
			one.group = now.Evidence
			if now.Counted {
				one.flags |= flagGroupCounted
			}
		}
	}
	s.add(one)
}

// judged is what the judge knows of a check by now, to be written with the run that it
// has just seen; nil where there is nothing. It holds s.mu.
func (s *Store) judged(name string) *prober.Snapshot {
	if s.judge == nil {
		return nil
	}
	state := s.states[name]
	if state == nil {
		state = &prober.Snapshot{}
	}
	if !s.judge.Snapshot(name, state) {
		return nil
	}
	s.states[name], s.dirty[name] = state, true
	return state
}

// ObserveMissed implements [prober.Observer].
func (s *Store) ObserveMissed(m prober.Missed) {
	if m.Confirm {
		return // no due time
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(&record{missed: &m})
}

// ObserveStateChange is told by the judge, before the run is that has changed the state.
func (s *Store) ObserveStateChange(c prober.StateChange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes = append(s.changes, c)
}

// add queues a record, where it has room. It holds s.mu.
func (s *Store) add(r *record) {
	if s.closed || len(s.queue) >= s.most {
		s.stats.Dropped++
		return
	}
	s.queue = append(s.queue, r)
	if len(s.queue) == writeEarly {
		s.rouse()
	}
}

func (s *Store) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// nextID is the id of a run that has ended, larger than all before. It holds s.mu.
func (s *Store) nextID(end time.Time) RunID {
	s.last = max(s.last+1, RunID(end.UnixMicro()))
	return s.last
}

// take removes what is queued, with what the judge knows after the last of it.
func (s *Store) take() (b batch, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.records, s.queue = s.queue, nil
	s.writing = len(b.records) > 0
	for name := range s.dirty {
		state := *s.states[name]
		state.Windows = slices.Clone(state.Windows)
		b.states = append(b.states, stateOf{name, state})
	}
	clear(s.dirty)
	return b, s.closed
}

// giveBack queues what could not be written, ahead of what has come since.
func (s *Store) giveBack(b batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := append(b.records, s.queue...)
	if over := len(all) - s.most; over > 0 {
		s.stats.Dropped += uint64(over)
		all = all[:s.most]
	}
	s.queue = all
	for name := range s.states {
		s.dirty[name] = true
	}
}

// Settle returns when all that was observed before it was called is written, or after the
// given time; at once where the store is closed.
func (s *Store) Settle(within time.Duration) {
	late := time.NewTimer(within)
	defer late.Stop()
	for range 3 { // the batch that is being written, the next, and a run that was just being observed
		s.mu.Lock()
		pending := !s.closed && (s.writing || len(s.queue)+len(s.changes)+len(s.dirty) > 0)
		wrote := s.wrote
		s.mu.Unlock()
		if !pending {
			return
		}
		s.rouse()
		select {
		case <-wrote:
		case <-late.C:
			return
		}
	}
}

// wroteSome wakes up who waits for news.
func (s *Store) wroteSome() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.wrote)
	s.wrote = make(chan struct{})
}
