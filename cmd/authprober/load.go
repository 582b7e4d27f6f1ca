package main

import (
	"github.com/spf13/cobra"

	"github.com/authprober/authprober/checks"
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
	return a.loadFor(paths, func(*checks.Options) {})
}

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
