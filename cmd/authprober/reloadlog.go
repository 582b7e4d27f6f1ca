package main

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/prober"
)

// mostOfAChange is how many checks a line of the log names of each kind of change.
const mostOfAChange = 10

// reloadFields say what a reload has made of the checks: how many there are, how many of them are
// what they were, and of those whose file is another, of those that are new and of those that are
// gone how many there are, and the first by name. Those whose evidence is forgotten, for their
// objective or their pace is another, are afresh, groups among them.
func reloadFields(before, after *checks.Config) []zap.Field {
	was := map[string]bool{}
	for _, c := range before.Checks {
		was[c.Name] = true
	}
	var changed, added, removed []string
	for _, c := range after.Checks {
		switch {
		case !was[c.Name]:
			added = append(added, c.Name)
		case !after.SameFile(before, c.Name):
			changed = append(changed, c.Name)
		}
		delete(was, c.Name)
	}
	for _, c := range before.Checks {
		if was[c.Name] {
			removed = append(removed, c.Name)
		}
	}
	n := len(after.Checks)
	fields := []zap.Field{zap.Int("checks", n), zap.Int("kept", n-len(changed)-len(added))}
	for _, one := range []struct {
		what  string
		names []string
	}{{"changed", changed}, {"added", added}, {"removed", removed}, {"afresh", prober.Afresh(before.Checks, after.Checks)}} {
		fields = append(fields, zap.Int(one.what, len(one.names)))
		if len(one.names) > 0 {
			fields = append(fields, zap.Strings(one.what+"_names", someNames(one.names)))
		}
	}
	return fields
}

// someNames are the first of many, and how many more there are.
func someNames(names []string) []string {
	if len(names) <= mostOfAChange {
		return names
	}
	return append(append([]string{}, names[:mostOfAChange]...), fmt.Sprintf("and %d more", len(names)-mostOfAChange))
}
