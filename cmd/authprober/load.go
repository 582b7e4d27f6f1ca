package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/remember"
)

// somePaths is what commands want that read flows.
func somePaths(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &exitError{exitConfig, errNoPath{cmd.CommandPath()}}
	}
	return nil
}

type errNoPath struct{ command string }

func (e errNoPath) Error() string {
	return "no PATH given: want a flow, a file of accounts or a folder of both\n" +
		"Run '" + e.command + " --help' for usage."
}

// load reads the environment and the flows. The error is a configuration's.
func (a *app) load(paths []string) (settings, *checks.Config, error) {
	return a.loadFor(paths, asLoaded)
}

// asLoaded leaves the options as they are.
func asLoaded(*checks.Options) {}

// loadFor is load with options of the command's own.
func (a *app) loadFor(paths []string, set func(*checks.Options)) (settings, *checks.Config, error) {
	s, err := a.settings()
	if err != nil {
		return s, nil, err
	}
	o := a.options(s)
	set(&o)
	config, err := checks.Load(paths, o)
	if err != nil {
		return s, nil, misconfigured(err)
	}
	return s, config, nil
}

// loadToRun is loadFor for the commands that run flows: with the folder in which
// flows keep what they remember, which is the caller's until close is called.
func (a *app) loadToRun(paths []string, set func(*checks.Options)) (s settings, config *checks.Config, close func() error, err error) {
	s, store, config, err := a.loadAndOpen(paths, set)
	if err != nil {
		return s, nil, nil, err
	}
	return s, config, store.Close, nil
}

// loadAndOpen is loadToRun for whoever loads again: the store is the caller's to close.
func (a *app) loadAndOpen(paths []string, set func(*checks.Options)) (s settings, store *remember.Store, config *checks.Config, err error) {
	if s, err = a.settings(); err != nil {
		return s, nil, nil, err
	}
	store, warnings, err := openState(s)
	if err != nil {
		return s, nil, nil, err
	}
	config, err = a.loadWith(s, store, paths, set)
	if err != nil {
		return s, nil, nil, errors.Join(err, store.Close())
	}
	for _, w := range warnings {
		config.Warnings = append(config.Warnings, checks.Mistake{Message: w})
	}
	return s, store, config, nil
}

// loadWith loads flows that keep in the store what they remember.
func (a *app) loadWith(s settings, store *remember.Store, paths []string, set func(*checks.Options)) (*checks.Config, error) {
	o := a.options(s)
	o.Remembered = store
	targets := map[string]string{}
	o.HostOf = func(check, host string) { targets[check] = host }
	set(&o)
	config, err := checks.Load(paths, o)
	if err != nil {
		return nil, misconfigured(err)
	}
	warnings := s.ControlURLs.warnings(targets)
	if len(config.Remembers) > 0 && !store.Durable() {
		warnings = append(warnings, "what "+strings.Join(config.Remembers, ", ")+" remembers ends with this process, for "+
			envPrefix+"STATE_DIR is not set")
	}
	if names := guarded(config.Accounts); len(names) > 0 && !store.Durable() {
		warnings = append(warnings, "what the accounts of "+strings.Join(names, ", ")+" use in a day is counted by this process alone, for "+
			envPrefix+"STATE_DIR is not set")
	}
	for _, w := range warnings {
		config.Warnings = append(config.Warnings, checks.Mistake{Message: w})
	}
	return config, nil
}

// guarded names the pools with daily caps, which a process that begins anew must not
// begin anew with.
func guarded(set *accounts.Set) (names []string) {
	for _, p := range set.Pools() {
		if r := p.Rules(); r.AccountDay != (accounts.Use{}) || r.PoolDay != (accounts.Use{}) {
			names = append(names, p.Name())
		}
	}
	return names
}
