package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

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

// control looks at ourselves. It is the caller's to close, once nobody asks it.
func (s settings) control(log *zap.Logger) (*control.Control, error) {
	c, err := control.New(control.Options{URLs: s.ControlURLs, UserAgent: s.userAgent(), Log: log})
	if err != nil {
		return nil, fmt.Errorf("%sCONTROL_URLS: %w", envPrefix, err)
	}
	return c, nil
}

// look looks at ourselves until stop is called, or ctx is done and stop is called.
func (o daemonOptions) look(ctx context.Context) (stop func()) {
	if o.control == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); o.control.Run(ctx) }()
	return func() { cancel(); <-done }
}

func (o daemonOptions) controlStatus() func() prober.ControlStatus {
	if o.control == nil {
		return nil
	}
	return o.control.Status
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
