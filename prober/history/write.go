package history

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
)

// Flags of a run.
const (
	flagConfirm      = 1 << iota // evidence asked for it
	flagCounted                  // it has moved the evidence of its check
	flagGroupCounted             // and that of its group
	flagKept                     // its steps are kept
)

// outcomes are those of the table, by number. What passed is 0: the indexes of what did
// not are small.
var outcomes = []prober.Outcome{prober.Passed, prober.Failed, prober.Errored, prober.Aborted}

func outcomeNumber(o prober.Outcome) int {
	for i, one := range outcomes {
		if one == o {
			return i
		}
	}
	return len(outcomes) - 1
}

// A batch is what one transaction writes.
type batch struct {
	records []*record
	states  []stateOf
}

type stateOf struct {
	name  string
	state prober.Snapshot
}

// A writer is what the goroutine that writes has.
type writer struct {
	store *Store
	names map[string]int64
	sets  map[tagsetKey]int64
	from  int64 // no run with a lower id has passed, so far as is known
	tidy  time.Time
	tags  time.Time // when unused ones were forgotten
	since int       // records that were written since it was tidied up
	gone  time.Time // when a new database was last wanted in vain; zero while there is one
	made  statements
}

// renewEvery is how long it is until a new database is wanted again.
const renewEvery = time.Minute

// errGone is the error of a write while there is no database.
var errGone = errors.New("the history was damaged, and no new one can be begun")

type tagsetKey struct {
	check int64
	tags  string
}

func newWriter(s *Store) *writer {
	w := &writer{store: s}
	w.forget()
	return w
}

// forget drops what is known of the database, as after a transaction that was undone.
func (w *writer) forget() {
	w.names, w.sets, w.from = map[string]int64{}, map[tagsetKey]int64{}, 0
}

// write writes every half second, until the store is closed and all is written.
func (s *Store) write(ctx context.Context) {
	defer close(s.done)
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	for {
		b, closed := s.take()
		if len(b.records)+len(b.states) > 0 {
			s.writeBatch(ctx, b)
		}
		if closed {
			return
		}
		s.w.since += len(b.records)
		if now := time.Now(); s.w.gone.IsZero() && (now.Sub(s.w.tidy) >= tidyEvery || now.Before(s.w.tidy) || s.w.since >= tidyAfter) {
			s.w.tidy, s.w.since = now, 0
			s.trouble(ctx, "tidying the history", s.w.tidyUp(ctx, now))
		}
		select {
		case <-tick.C:
		case <-s.wake:
		}
	}
}

func (s *Store) writeBatch(ctx context.Context, b batch) {
	err := s.w.transact(ctx, b)
	s.mu.Lock()
	s.writing = false
	s.mu.Unlock()
	if err == nil {
		s.wroteSome()
		return
	}
	s.w.forget()
	if mayPass(err) {
		s.giveBack(b)
	} else {
		s.mu.Lock()
		s.stats.Dropped += uint64(len(b.records))
		s.mu.Unlock()
	}
	s.trouble(ctx, "writing the history", err)
}

// trouble counts and logs what went wrong, and begins a new database where the one at
// hand is damaged.
func (s *Store) trouble(ctx context.Context, what string, err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	s.stats.WritesFailed++
	s.stats.LastError = what + ": " + err.Error()
	now := time.Now()
	silent := now.Sub(s.warned) < logTroubles && now.After(s.warned)
	if !silent {
		s.warned = now
	}
	stats, queued := s.stats, len(s.queue)
	s.mu.Unlock()
	if !silent {
		s.opts.Log.Error("history", zap.String("doing", what), zap.Error(err), zap.Uint64("writes_failed", stats.WritesFailed),
			zap.Int("waiting", queued), zap.Uint64("dropped", stats.Dropped))
	}
	if isBroken(err) && s.opts.Renew != nil {
		s.renew(ctx)
	}
}

// renew goes on with a new database.
func (s *Store) renew(ctx context.Context) {
	s.db.Load().Close() // it is damaged: there is nothing to be done about an error
	db, err := s.opts.Renew(ctx)
	if err != nil {
		s.w.gone = time.Now()
		s.opts.Log.Error("history", zap.String("doing", "beginning a new history"), zap.Error(err))
		return
	}
	s.w.gone = time.Time{}
	s.db.Store(db)
	s.w.forget()
}

// transact writes a batch, or nothing of it.
func (w *writer) transact(ctx context.Context, b batch) (err error) {
	if !w.gone.IsZero() && time.Since(w.gone) >= renewEvery {
		w.store.renew(ctx)
	}
	if !w.gone.IsZero() {
		return errGone
	}
	db := w.store.db.Load()
	if err := w.made.ready(ctx, db); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it is none
	t := &writing{ctx: ctx, tx: tx, writer: w, sums: newSums()}
	for _, r := range b.records {
		switch {
		case r.run != nil:
			err = t.run(r)
		case r.missed != nil:
			err = t.missed(r.missed)
		default:
			err = t.change(r)
		}
		if err != nil {
			return err
		}
	}
	if err := t.writeSums(); err != nil {
		return err
	}
	for _, s := range b.states {
		if err := t.state(s); err != nil {
			return err
		}
	}
	return tx.Commit()
}
