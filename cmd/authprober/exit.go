package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/checks"
)

// What the process ends with.
const (
	exitOK        = 0 // all is well
	exitFailed    = 1 // a run failed; a daemon is not healthy
	exitConfig    = 2 // the configuration, the environment or the command line is wrong
	exitOurs      = 3 // anything else that is not the target's fault: a port in use, no account free
	exitUndecided = 4 // a gate has seen too little to decide
)

// An exitError is an error that knows what the process ends with. Where err is
// nil, everything has been said.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return "exit"
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitCode is what the process ends with for an error of a command. One that
// never reached its command, as in [action], is a mistake in the command line.
func exitCode(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	}
	return exitConfig
}

// action is what a command does. Its errors are our own fault, unless they are
// mistakes in the configuration or say themselves what they are.
func action(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := f(cmd, args)
		var exit *exitError
		switch {
		case err == nil || errors.As(err, &exit):
			return err
		case isMistakes(err):
			return misconfigured(err)
		}
		return &exitError{exitOurs, err}
	}
}

// misconfigured marks an error as one in what somebody wrote.
func misconfigured(err error) error { return &exitError{exitConfig, err} }

// isMistakes reports whether an error is a list of what is wrong in flows or in
// the environment.
func isMistakes(err error) bool {
	var flows checks.Mistakes
	var env envMistakes
	return errors.As(err, &flows) || errors.As(err, &env)
}
