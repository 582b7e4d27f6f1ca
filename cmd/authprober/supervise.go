package main

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// A supervisor is told how the daemon stands. It is systemd's service manager, sd_notify(3),
// where NOTIFY_SOCKET says so, and otherwise nobody.
type supervisor struct {
	tell  func(state string)
	every time.Duration // between two signs of life; 0 where none is wanted
	alive func(ctx context.Context, slack time.Duration) error
	log   *zap.Logger
	wrong error // with what the manager wants
}

// A manager is the service manager, as it tells of itself in the environment.
type manager struct {
	socket string        // "" where there is none
	within time.Duration // the time within which it wants a sign of life; 0 for none
	err    error         // what is wrong with that
}

func (a *app) manager() (m manager) {
	m.socket = a.value("NOTIFY_SOCKET")
	m.within, m.err = watchdogWithin(a.value("WATCHDOG_USEC"), a.value("WATCHDOG_PID"))
	return m
}

// supervised returns the supervisor of a daemon.
func (d *daemon) supervised() supervisor {
	return d.options.manager.supervises(d.prober.Alive, d.options.log.Logger)
}

// supervises returns the supervisor of whatever knows whether it is alive.
func (m manager) supervises(alive func(ctx context.Context, slack time.Duration) error, log *zap.Logger) supervisor {
	return supervisor{
		tell: func(state string) {
			if err := notifySystemd(m.socket, state); err != nil {
				log.Warn("systemd", zap.Error(err))
			}
		},
		every: m.within / 2, alive: alive, log: log, wrong: m.err,
	}
}

// ready says that checks are about to be run, and gives signs of life until ctx is done,
// when it says that the daemon stops. What it returns waits for that.
func (s supervisor) ready(ctx context.Context, checks int) (wait func()) {
	return s.attend(ctx, running(checks), "Letting runs in flight log out")
}

// attend is ready for whoever has words of its own.
func (s supervisor) attend(ctx context.Context, ready, stopping string) (wait func()) {
	if s.wrong != nil {
		s.log.Warn("systemd", zap.Error(s.wrong))
	}
	s.tell(ready)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.watch(ctx)
		s.tell("STOPPING=1\nSTATUS=" + stopping)
	}()
	return func() { <-ended }
}

// reloading says that the configuration is read again; what it returns, that this is done.
func (s supervisor) reloading(checks func() int) (done func()) {
	s.reading()
	return func() { s.tell(running(checks())) }
}

// reading says when it began as well, by which a manager of a unit with Type=notify-reload
// tells the reload that it has asked for from one before.
func (s supervisor) reading() {
	state := "RELOADING=1\nSTATUS=Reading the configuration again"
	if micros, ok := monotonicMicros(); ok {
		state += fmt.Sprintf("\nMONOTONIC_USEC=%d", micros)
	}
	s.tell(state)
}

// running is what is told while checks are run.
func running(checks int) string { return fmt.Sprintf("READY=1\nSTATUS=Running %d checks", checks) }

// watch gives a sign of life, again and again, as long as the prober makes progress.
func (s supervisor) watch(ctx context.Context) {
	if s.every <= 0 {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.sign(ctx)
		}
	}
}

// sign gives one sign of life, or logs why there is none.
func (s supervisor) sign(ctx context.Context) {
	asking, cancel := context.WithTimeout(ctx, s.every)
	defer cancel()
	switch err := s.alive(asking, s.every); {
	case err == nil:
		s.tell("WATCHDOG=1")
	case ctx.Err() == nil:
		s.log.Error("no sign of life is given to systemd", zap.Error(err))
	}
}
