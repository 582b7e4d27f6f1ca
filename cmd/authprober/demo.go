package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/history"
)

func (a *app) demoCommand() *cobra.Command {
	var length time.Duration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch it find a 3 % login failure, on this machine alone",
		Long: `Start a staging bank of four backends and the daemon with three flows, on loopback.
All is well for 20 s. Then a release is deployed on one backend that fails 12 % of
its logins, 3 % of all. Within about two minutes that is a page. Beside it stands
what the usual monitors would have said of the same runs.

On a terminal the view is live; elsewhere it is plain lines. The demo goes on until
it is interrupted, so that one can repair the bank and watch the page resolve.
With --for it ends by itself. Its broken logins are on purpose: it ends with 0.`,
		Example: "  authprober demo\n  authprober demo --for 150s",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			if length < 0 || cmd.Flags().Changed("for") && length == 0 {
				return misconfigured(fmt.Errorf("--for is %v, want more than 0s", length))
			}
			return a.demo(cmd.Context(), length)
		}),
	}
	cmd.Flags().DurationVar(&length, "for", 0, "end after this `DURATION`, with a summary")
	return cmd
}

// demo runs the demo until ctx is done or, unless length is 0, that long.
func (a *app) demo(ctx context.Context, length time.Duration) (err error) {
	bank, err := startDemoBank()
	if err != nil {
		return err
	}
	defer bank.Close()
	config, err := loadDemo(bank)
	if err != nil {
		return fmt.Errorf("loading the demo's flows: %v", err) // the mistakes are ours
	}
	listener, err := listenForDemo()
	if err != nil {
		return err
	}
	past, err := memoryHistory(ctx, history.Options{})
	if err != nil {
		listener.Close()
		return err
	}
	defer func() { err = errors.Join(err, past.Close()) }()
	looks, err := settings{}.control(zap.NewNop()) // a laptop that is busy, or sleeps, is no fault of the bank's
	if err != nil {
		listener.Close()
		return err
	}
	defer func() { err = errors.Join(err, looks.Close()) }()
	tale := newStory(time.Now(), watched(config))
	d, err := newDaemon(ctx, daemonOptions{
		config: config, listener: listener, log: logger{zap.NewNop(), zap.NewAtomicLevel()}, grace: 5 * time.Second,
		first: []prober.Observer{tale}, changed: []func(prober.StateChange){tale.changed},
		history: past, demo: &demoPage{bank}, control: looks,
	})
	if err != nil {
		listener.Close()
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()

	s := &show{story: tale, judge: d.judge, bank: bank, metrics: d.url(), forever: length == 0}
	s.play(ctx, a, length, ended)
	cancel()
	err = <-ended
	s.summary(a.stdout, a.paintFor(a.stdout))
	return err
}

// watched is the check that the release breaks.
func watched(config *checks.Config) *prober.Check {
	for _, c := range config.Checks {
		if c.Name == "retail-login" {
			return c
		}
	}
	panic("the demo has no flow retail-login")
}

// listenForDemo takes the daemon's usual address, or any where that is taken.
func listenForDemo() (net.Listener, error) {
	if l, err := net.Listen("tcp", "127.0.0.1:9870"); err == nil {
		return l, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening on loopback: %w", err)
	}
	return l, nil
}

// A show is the demo as somebody sees it.
type show struct {
	story   *story
	judge   *prober.Judge
	bank    *banktest.Server
	metrics string // URL of the daemon
	forever bool   // there is time to repair the bank
}

// scene is how things stand now. It also notes what somebody did to the bank.
func (s *show) scene() scene {
	now := time.Now()
	if len(s.bank.Faults()) == 0 {
		s.story.repair(now)
	}
	return s.story.scene(now, s.judge.All(now))
}

// play deploys the release when it is time, and shows what happens until ctx is
// done, the time is up or the daemon has ended.
func (s *show) play(ctx context.Context, a *app, length time.Duration, ended chan error) {
	s.story.begun()
	v := a.view(s)
	defer v.close()
	frames := time.NewTicker(v.every())
	defer frames.Stop()
	deploy := time.After(demoHealthy)
	var end <-chan time.Time
	if length > 0 {
		end = time.After(length)
	}
	for {
		v.show(s.scene())
		select {
		case <-frames.C:
		case now := <-deploy:
			// The name of backend and release are constants, so nothing can go wrong.
			if err := s.bank.Deploy(demoBackend, demoNewRelease); err == nil {
				s.story.deploy(now)
			}
		case err := <-ended:
			ended <- err // for whoever waits for it
			return
		case <-end:
			return
		case <-ctx.Done():
			return
		}
	}
}

// A view shows scenes to somebody.
type view interface {
	every() time.Duration // how often it wants one
	show(scene)
	close()
}

// view is a live screen on a terminal that can have one, and plain lines
// elsewhere.
func (a *app) view(s *show) view {
	fd, ok := terminal(a.stdout)
	if kind, _ := a.lookupEnv("TERM"); !ok || kind == "dumb" || !enableANSI(a.stdout) {
		return &plainView{w: a.stdout, from: s}
	}
	return newScreen(a.stdout, fd, a.paintFor(a.stdout), s)
}
