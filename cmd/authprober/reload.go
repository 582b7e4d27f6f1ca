package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/web/api"
)

// A reloader reads the configuration of a daemon again: all of it or nothing. It is
// safe for concurrent use; reloads come one after the other.
type reloader struct {
	mu     sync.Mutex
	load   func() (*checks.Config, error)
	begin  func(*checks.Config) // told of a configuration just after the daemon has it
	daemon *daemon
	log    *zap.Logger
}

// reload goes over to what the files say now. Where there is any mistake it logs all of
// them, and the daemon goes on as it was. Secrets are read again with the rest; the
// environment of a process does not change.
func (r *reloader) reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.daemon.supervised().reloading(func() int { return len(r.daemon.config().Checks) })()
	before := r.daemon.config()
	config, err := r.load()
	if err == nil {
		err = r.daemon.replace(config)
	}
	now := time.Now()
	said := api.Reload{OK: err == nil, At: now}
	if err != nil {
		said.Error = err.Error()
	}
	r.daemon.read.Store(&said)
	r.daemon.metrics.ObserveReload(err == nil, now)
	if err != nil {
		logMistakes(r.log, err)
		return err
	}
	r.begin(config)
	r.log.Info("reloaded", reloadFields(before, config)...) // the last: whoever reads it finds everything changed
	return nil
}

// logMistakes writes a line for each mistake of a configuration that is refused.
func logMistakes(log *zap.Logger, err error) {
	var mistakes checks.Mistakes
	if !errors.As(err, &mistakes) {
		log.Error("reload refused: all goes on as it was", zap.Error(err))
		return
	}
	for _, m := range mistakes {
		log.Error("configuration", zap.String("file", m.File), zap.Int("line", m.Line), zap.Int("column", m.Column), zap.String("mistake", m.Message))
	}
	log.Error("reload refused: all goes on as it was", zap.Int("mistakes", len(mistakes)))
}

// hangups are the signals that ask for a reload, from now on: before anything else,
// as one that nobody listens to ends the process. Where the system has none, none come.
func hangups() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1) // one that waits is enough: what it reads is the newest
	if len(reloadSignals) > 0 {
		signal.Notify(c, reloadSignals...)
	}
	return c, func() { signal.Stop(c) }
}

// reloadOn reloads at each signal, until ctx is done.
func (r *reloader) reloadOn(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-signals:
			_ = r.reload() // it is logged
		case <-ctx.Done():
			return
		}
	}
}

// replace goes over to another configuration. Accounts go on where those of the same
// names are: none is lent out twice, and what it has used is not forgotten.
func (d *daemon) replace(config *checks.Config) error {
	if err := prober.Validate(config.Checks); err != nil {
		return err // before anything is inherited
	}
	config.Accounts.Inherit(d.config().Accounts)
	if err := d.prober.Replace(config.Checks); err != nil {
		return err
	}
	d.current.Store(config)
	return nil
}

// config is the configuration as it is now.
func (d *daemon) config() *checks.Config { return d.current.Load() }
