package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/control"
)

// controlURLs are what can be reached unless our own network is sick; none by default.
type controlURLs []*url.URL

func (c *controlURLs) UnmarshalText(text []byte) error {
	for one := range strings.SplitSeq(string(text), ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		u, err := url.Parse(one)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			return errors.New("want URLs separated by commas, like https://one.example/,https://two.example/")
		case u.User != nil:
			return errors.New("want no user and no password in a URL: any answer will do")
		case slices.ContainsFunc(*c, func(other *url.URL) bool { return other.Host == u.Host }):
			return errors.New("want URLs of different hosts: they are to be independent of each other")
		}
		*c = append(*c, u)
	}
	return nil
}

// warnings are what makes of an outage that is not ours one that excuses runs: a control
// URL that nobody stands beside, or one on the very host of a check's target. targets are
// the hosts by check.
func (c controlURLs) warnings(targets map[string]string) (warnings []string) {
	const fewer = " is down, runs that fail are errored, and AuthProberBlind pages in place of the check; want two or more that are independent of the targets and of each other"
	if len(c) == 1 {
		warnings = append(warnings, envPrefix+"CONTROL_URLS has one URL: while "+c[0].Host+fewer)
	}
	for _, u := range c {
		for _, check := range slices.Sorted(maps.Keys(targets)) {
			if strings.EqualFold(targets[check], u.Host) {
				warnings = append(warnings, envPrefix+"CONTROL_URLS has the host of the target of "+check+": while "+u.Host+fewer)
				break // one check is enough to show it
			}
		}
	}
	return warnings
}

// A heartbeatURL is that of a dead man's switch; nil is none. Its path is a secret.
type heartbeatURL struct{ *url.URL }

func (h *heartbeatURL) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return errors.New("want a URL, http or https, without a user")
	}
	h.URL = u
	return nil
}

// String keeps the URL from being shown.
func (h heartbeatURL) String() string {
	if h.URL == nil {
		return ""
	}
	return h.Host
}

// heartbeat makes what beats; nil where nobody listens.
func (d *daemon) heartbeat() *control.Heartbeat {
	if d.options.heartbeat.URL == nil {
		return nil
	}
	return &control.Heartbeat{URL: d.options.heartbeat.URL, UserAgent: d.options.userAgent, Alive: d.prober.Alive, Log: d.options.log.Logger}
}

// control looks at ourselves. It is the caller's to close, once nobody asks it.
func (s settings) control(log *zap.Logger) (*control.Control, error) {
	c, err := control.New(control.Options{URLs: s.ControlURLs, UserAgent: s.userAgent(), Log: log})
	if err != nil {
		return nil, fmt.Errorf("%sCONTROL_URLS: %w", envPrefix, err)
	}
	return c, nil
}

// look looks at ourselves, and beats, until stop is called.
func (d *daemon) look(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	if c := d.options.control; c != nil {
		looking.Go(func() { c.Run(ctx) })
	}
	if d.beats != nil {
		looking.Go(func() { d.beats.Run(ctx) })
	}
	return func() { cancel(); looking.Wait() }
}

// controlStatus is how the daemon itself is.
func (d *daemon) controlStatus() (s prober.ControlStatus) {
	if c := d.options.control; c != nil {
		s = c.Status()
	}
	s.Heartbeats, s.HeartbeatsFailed = d.beats.Counts()
	return s
}

func (o daemonOptions) excuse() func(context.Context, *prober.Run) error {
	if o.control == nil {
		return nil
	}
	return o.control.Excuse
}

// proberOptions are what commands give a prober that they ask for single runs.
func (a *app) proberOptions(s settings) (o prober.Options, close func() error, err error) {
	c, err := s.control(zap.NewNop())
	if err != nil {
		return o, nil, err
	}
	return prober.Options{Paused: s.PauseFile.paused(zap.NewNop()), Excuse: c.Excuse}, c.Close, nil
}
