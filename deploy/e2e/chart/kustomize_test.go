package chart

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

var update = flag.Bool("update", false, "write deploy/kustomize anew, from the chart")

const kustomizeDir = repository + "/deploy/kustomize"

// A kustomization is a folder that is made of some of the chart's templates.
type kustomization struct {
	dir, kind, values, head string
	templates               []string
}

var kustomizations = []kustomization{
	{"base", "Kustomization", "flows: {configMaps: [authprober-flows]}",
		"# One prober. It wants a ConfigMap authprober-flows, as the overlay in ../example makes it.\n",
		[]string{"poddisruptionbudget", "service", "serviceaccount", "statefulset"}},
	{"monitoring", "Component", "flows: {configMaps: [authprober-flows]}\nmonitor: {kind: ServiceMonitor}\nprometheusRule: {enabled: true}\ndashboards: {enabled: true}",
		"# How it is scraped, the alerts and the dashboards, for the Prometheus operator and Grafana's sidecar.\n",
		[]string{"dashboards", "monitor", "prometheusrule"}},
	{"aggregate", "Component", "flows: {configMaps: [authprober-flows]}\nmonitor: {kind: ServiceMonitor}\naggregate: {enabled: true, url: \"http://prometheus-operated.monitoring:9090\"}",
		"# What judges all probers together, and how it is scraped. Where Prometheus is stands in its arguments: patch them.\n",
		[]string{"aggregate-deployment", "aggregate-monitor", "aggregate-service"}},
	{"logins", "Component", "flows: {configMaps: [authprober-flows]}\nmonitor: {kind: ServiceMonitor}\naggregate:\n  url: http://prometheus-operated.monitoring:9090\n" +
		"  logins: [{name: retail, runs: sum by (app) (logins_total), failures: 'sum by (app) (logins_total{outcome=\"error\"})', labels: {team: identity, severity: page}}]",
		"# The logins of customers, as the bank counts them. Prometheus, counters and labels stand in the arguments: patch them.\n",
		[]string{"aggregate-deployment", "aggregate-monitor", "aggregate-service"}},
}

// TestKustomizeIsCurrent holds the folders to what the chart says now.
func TestKustomizeIsCurrent(t *testing.T) {
	c := loadChart(t)
	for _, k := range kustomizations {
		dir := filepath.Join(kustomizeDir, k.dir)
		files := k.files(t, c)
		for name, want := range files {
			path := filepath.Join(dir, name)
			if *update {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != want {
				t.Errorf("%s is not what the chart says (%v): in deploy/e2e, go test ./chart -run Kustomize -update", path, err)
			}
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != len(files) {
			t.Errorf("%s has %d files, want %d", dir, len(entries), len(files))
		}
	}
}

// What only Helm wants, and the namespace, which an overlay says.
var ofHelm = regexp.MustCompile(`(?m)^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by|app\.kubernetes\.io/version|namespace): .*\n`)

func (k kustomization) files(t *testing.T, c *chart.Chart) map[string]string {
	t.Helper()
	given, err := chartutil.ReadValues([]byte(k.values))
	if err != nil {
		t.Fatal(err)
	}
	in, err := render(c, "authprober", "authprober", given)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := engine.Engine{Strict: true}.Render(c, in.values)
	if err != nil {
		t.Fatal(err)
	}
	const made = "# Made from the chart's templates in deploy/helm.\n"
	api := map[string]string{"Kustomization": "kustomize.config.k8s.io/v1beta1", "Component": "kustomize.config.k8s.io/v1alpha1"}[k.kind]
	list := k.head + made + "apiVersion: " + api + "\nkind: " + k.kind + "\nresources:\n"
	files := map[string]string{}
	for _, name := range k.templates {
		text := rendered["authprober/templates/"+name+".yaml"]
		files[name+".yaml"] = made + strings.TrimLeft(ofHelm.ReplaceAllString(text, ""), "\n")
		list += "  - " + name + ".yaml\n"
	}
	files["kustomization.yaml"] = list
	return files
}

// TestKustomizeBuild builds the example, as kubectl apply -k does.
func TestKustomizeBuild(t *testing.T) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(kustomizeDir, "example"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	in := installation{name: "example"}
	objects, err := decode(string(text))
	if err != nil {
		t.Fatal(err)
	}
	in.add(objects)
	for _, o := range objects {
		if _, ok := o.(*core.Namespace); !ok && o.GetNamespace() != "authprober" {
			t.Errorf("%T %s is in the namespace %q", o, o.GetName(), o.GetNamespace())
		}
	}
	set := the[apps.StatefulSet](t, in)
	holdPod(t, set.Spec.Template.Spec)
	holdContainer(t, set.Spec.Template.Spec.Containers[0], environment(t))
	holdVolumes(t, set)
	holdShards(t, set)
	holdSelectors(t, in, set)
	// The generated ConfigMap is the one that is mounted.
	flows := slices.IndexFunc(of[core.ConfigMap](in), func(m *core.ConfigMap) bool { return m.Data["retail-login.yaml"] != "" })
	name := of[core.ConfigMap](in)[flows].Name
	if !regexp.MustCompile(`^authprober-flows-[a-z0-9]+$`).MatchString(name) ||
		!slices.ContainsFunc(set.Spec.Template.Spec.Volumes, func(v core.Volume) bool { return v.ConfigMap != nil && v.ConfigMap.Name == name }) {
		t.Errorf("the flows are in %s, which nothing mounts", name)
	}
	accepted(t, in)
	logins := in.aggregators()["retail"]
	holdAggregator(t, the[apps.Deployment](t, logins).Spec.Template.Spec, environment(t))
	asks(t, "", logins)
	if rules := the[monitoring.PrometheusRule](t, in); len(rules.Spec.Groups) == 0 {
		t.Error("there are no alerts")
	}
}
