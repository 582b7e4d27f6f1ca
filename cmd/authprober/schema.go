package main

import (
	"github.com/spf13/cobra"

	"github.com/authprober/authprober/checks"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of flows and accounts, for editors",
		Example: `  authprober schema >flow.schema.json
  # and as the first line of a flow
  # yaml-language-server: $schema=flow.schema.json`,
		Args: cobra.NoArgs,
		RunE: action(func(*cobra.Command, []string) error {
			_, err := a.stdout.Write(checks.Schema())
			return err
		}),
	}
}
