package checks

import (
	"slices"
	"strings"

	"github.com/authprober/authprober/checks/internal/strict"
)

// production is the environment whose flows need somebody's consent.
const production = "production"

// environments are what a flow may say it runs against. The list is closed: were any
// word good, a slip in "production" would do away with what that asks for.
var environments = []string{production, "staging", "test"}

// environmentLabel is the label by which the environment is seen wherever labels are.
const environmentLabel = "environment"

// vetEnvironment finds out what the flow runs against, and for production who agreed
// to that.
func vetEnvironment(src *source, f *compiled) {
	flow := src.flow
	by := strings.TrimSpace(flow.AuthorisedBy)
	f.check.AuthorisedBy = by
	if flow.AuthorisedBy != "" && (by == "" || len(by) > 200 || !printable(by)) {
		src.mistake("authorised_by", "authorised_by wants 1 to 200 printable characters: who agreed to this, or a ticket")
	}
	switch {
	case flow.Environment == "":
		return
	case !slices.Contains(environments, flow.Environment):
		src.mistake("environment", "%q is no environment; want %s%s", flow.Environment,
			strings.Join(environments, ", "), strict.Nearest(flow.Environment, environments))
		return
	case flow.Environment == production && flow.AuthorisedBy == "":
		src.mistake("environment", "a flow against production needs authorised_by: who agreed to this being run against it, or a ticket")
	}
	f.check.Labels[environmentLabel] = flow.Environment
}
