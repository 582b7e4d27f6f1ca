package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

//go:generate go run -C ../../deploy/release ./notice

// A build says which authprober this is, from what the Go toolchain has put into
// the binary.
type build struct {
	Version  string // of the module; "devel" where it was built from a checkout without a tag
	Revision string // of the checkout, with "+dirty" if it was changed; "" where not known
}

func version() build {
	b := build{Version: "devel"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if b.Revision != "" {
		b.Revision += dirty
	}
	return b
}

func (b build) String() string {
	s := "authprober " + b.Version
	if b.Revision != "" {
		s += " revision " + b.Revision
	}
	return fmt.Sprintf("%s %s %s/%s", s, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print which authprober this is",
		Example: "  authprober version",
		Args:    cobra.NoArgs,
		RunE: action(func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.stdout, version())
			return err
		}),
	}
}
