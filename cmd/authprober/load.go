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
	s, err := a.settings()
	if err != nil {
		return s, nil, err
	}
	config, err := checks.Load(paths, a.options(s))
	if err != nil {
		return s, nil, misconfigured(err)
	}
	return s, config, nil
}
