package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/prober/history"
)

// sampleEvery says of how many runs one is kept whole, even if it passes.
const sampleEvery = 60

// sampling has the history keep what was sent and got.
func sampling(o *checks.Options) { o.Sample = sampleEvery }

// openHistory opens what has happened so far, as the settings say. It never fails for
// what is on the disk: the daemon probes in any case, and the log and metrics say what
// is not recorded. Whoever opens it closes it, when nothing observes any more.
func openHistory(ctx context.Context, s settings, log logger) (*history.Store, error) {
	o := history.Options{Age: time.Duration(s.HistoryAge), Size: int64(s.HistorySize), Log: log.Logger}
	if s.StateDir == "" {
		log.Info("the history is in memory: what has happened, and what speaks for a page, is forgotten when this process ends",
			zap.String("set", envPrefix+"STATE_DIR"))
		return memoryHistory(ctx, o)
	}
	path := filepath.Join(string(s.StateDir), history.FileName)
	db, aside, err := history.OpenFile(ctx, path)
	warnSetAside(log, path, aside)
	inMemory := func(err error) (*history.Store, error) {
		log.Error("the history cannot be kept: it is in memory, and is forgotten when this process ends",
			zap.String("file", path), zap.Error(err))
		return memoryHistory(ctx, history.Options{Age: o.Age, Size: o.Size, Log: o.Log, Instead: err})
	}
	if err != nil {
		return inMemory(err)
	}
	o.File = path
	o.Renew = func(ctx context.Context) (*sql.DB, error) {
		db, aside, err := history.Begin(ctx, path)
		warnSetAside(log, path, aside)
		return db, err
	}
	store, err := history.New(ctx, db, o)
	if err != nil {
		return inMemory(errors.Join(err, db.Close()))
	}
	return store, nil
}

func memoryHistory(ctx context.Context, o history.Options) (*history.Store, error) {
	db, err := history.OpenMemory(ctx)
	if err != nil {
		return nil, err
	}
	store, err := history.New(ctx, db, o)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return store, nil
}

func warnSetAside(log logger, path, aside string) {
	if aside != "" {
		log.Error("the history was damaged or of another program: it is set aside, and a new one begun",
			zap.String("file", path), zap.String("set_aside", aside))
	}
}

// restore has the checks go on where they were. What cannot be read is no reason not to
// probe.
func (d *daemon) restore(ctx context.Context) {
	if err := d.options.history.Attach(ctx, d.judge, d.options.config.Checks); err != nil {
		d.options.log.Error("the history cannot be read: checks begin afresh", zap.Error(err))
	}
}

// A keepFor is a length of time of days or hours.
type keepFor time.Duration

func (a *keepFor) UnmarshalText(text []byte) error {
	const most = 10 * 365 * 24 * time.Hour
	d, err := parseAge(string(text))
	if err != nil || d < time.Hour || d > most {
		return errors.New("want a time from 1h to 3650d, like 90d or 36h")
	}
	*a = keepFor(d)
	return nil
}

func parseAge(text string) (time.Duration, error) {
	days, ok := strings.CutSuffix(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseFloat(days, 64)
	if err != nil || math.IsNaN(n) || math.Abs(n) > 1e5 {
		return 0, fmt.Errorf("it is no number of days")
	}
	return time.Duration(n * float64(24*time.Hour)), nil
}

// A keepSize is a number of bytes.
type keepSize int64

func (s *keepSize) UnmarshalText(text []byte) error {
	want := errors.New("want a size from 16MiB to 1024GiB, like 500MiB or 2GiB")
	for suffix, bytes := range map[string]int64{"MiB": 1 << 20, "GiB": 1 << 30} {
		number, ok := strings.CutSuffix(string(text), suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32)
		if err != nil || n*bytes < 16<<20 || n*bytes > 1<<40 {
			return want
		}
		*s = keepSize(n * bytes)
		return nil
	}
	return want
}
