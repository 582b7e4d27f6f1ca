package main

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// componentDir is the kustomize component whose objects hold copies. What else is in it
// deploy/e2e makes from the chart's templates, and there these are held to them too.
const componentDir = "deploy/kustomize/monitoring/"

// component are the objects that hold the rules and the dashboards, by their file.
func component(rules []byte, boards map[string][]byte) map[string][]byte {
	rule := object("monitoring.coreos.com/v1", "PrometheusRule", "authprober", "") + "spec:" + indented(rules, "  ") + "\n"
	list := object("v1", "ConfigMap", "authprober-dashboards", "    grafana_dashboard: \"1\"\n") + "data:"
	for _, name := range slices.Sorted(maps.Keys(boards)) {
		list += "\n  " + path.Base(name) + ": |" + indented(boards[name], "    ")
	}
	return map[string][]byte{
		componentDir + "prometheusrule.yaml": []byte(rule),
		componentDir + "dashboards.yaml":     []byte(list + "\n"),
	}
}

func object(api, kind, name, labels string) string {
	return "# Made from the chart's templates in deploy/helm.\n" +
		"apiVersion: " + api + "\nkind: " + kind + "\nmetadata:\n  name: " + name + "\n  labels:\n" +
		"    app.kubernetes.io/instance: authprober\n    app.kubernetes.io/name: authprober\n" + labels
}

// indented is what Helm's nindent makes of a text.
func indented(text []byte, by string) string {
	return "\n" + by + strings.ReplaceAll(string(text), "\n", "\n"+by)
}
