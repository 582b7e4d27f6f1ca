package chart

import (
	"errors"
	"iter"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
)

// TestAggregator holds what the aggregators of an installation have to be, and that there is none
// where nobody asks for it.
func TestAggregator(t *testing.T) {
	known, there := environment(t), map[string]bool{}
	for _, in := range installations(t) {
		all := in.aggregators()
		if got, want := slices.Sorted(maps.Keys(all)), wanted(t, in); !slices.Equal(got, want) {
			t.Errorf("%s: the aggregators %q, want %q", in.name, got, want)
		}
		for name, pooled := range all {
			there[name] = true
			holdObjects(t, pooled)
			d := the[apps.Deployment](t, pooled)
			if *d.Spec.Replicas != 1 || d.Spec.Strategy.Type != apps.RecreateDeploymentStrategyType {
				t.Errorf("%s: %d at once, by %v", pooled.name, *d.Spec.Replicas, d.Spec.Strategy.Type)
			}
			if len(d.Name) > 63 {
				t.Errorf("%s: %s is too long for a Service", pooled.name, d.Name)
			}
			holdPod(t, d.Spec.Template.Spec)
			holdAggregator(t, d.Spec.Template.Spec, known)
			holdApart(t, in, pooled, d)
			if !strings.Contains(in.notes, "port-forward deployment/"+d.Name+" ") {
				t.Errorf("the notes do not say how to look at %s:\n%s", d.Name, in.notes)
			}
		}
	}
	if !there["aggregate"] || len(there) < 3 {
		t.Errorf("the aggregators %v: no values have one of flows and two of logins", there)
	}
}

// wanted are the names of the aggregators that the values of an installation ask for, in order.
func wanted(t *testing.T, in installation) (names []string) {
	t.Helper()
	enabled, err := in.values.PathValue("Values.aggregate.enabled")
	if err != nil {
		t.Fatal(err)
	}
	if enabled == true {
		names = append(names, "aggregate")
	}
	logins, err := in.values.PathValue("Values.aggregate.logins")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range logins.([]any) {
		names = append(names, one.(map[string]any)["name"].(string))
	}
	slices.Sort(names)
	return names
}

// holdAggregator: it has the flows or the counters of logins, and how to ask the API, and none of
// the secrets of flows.
func holdAggregator(t *testing.T, pod core.PodSpec, known map[string]bool) {
	t.Helper()
	c := pod.Containers[0]
	flows := slices.Contains(c.Args, "/etc/authprober")
	logins := slices.ContainsFunc(c.Args, func(arg string) bool { return strings.HasPrefix(arg, "--runs=") })
	if c.Args[0] != "aggregate" || flows == logins || !strings.HasPrefix(c.Args[1], "--url=http") {
		t.Errorf("it runs %q", c.Args)
	}
	if s := c.SecurityContext; !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) {
		t.Errorf("the container's security context is %+v", s)
	}
	if c.LivenessProbe == nil || c.ReadinessProbe == nil || c.StartupProbe == nil || c.Resources.Limits.Memory().IsZero() {
		t.Error("it is not looked after")
	}
	seen := map[string]string{}
	for _, v := range c.Env {
		if _, twice := seen[v.Name]; twice || !known[v.Name] || v.Value == "" {
			t.Errorf("%s=%q is there twice, or means nothing", v.Name, v.Value)
		}
		seen[v.Name] = v.Value
	}
	mounts, secrets := map[string]string{}, []string{}
	for _, m := range c.VolumeMounts {
		mounts[m.Name] = m.MountPath
		if !m.ReadOnly {
			t.Errorf("%s can be written to", m.MountPath)
		}
	}
	for _, v := range pod.Volumes {
		if mounts[v.Name] == "" {
			t.Errorf("%s is mounted nowhere", v.Name)
		}
		if v.Secret != nil {
			secrets = append(secrets, v.Secret.SecretName)
		}
		if v.ConfigMap != nil && logins {
			t.Errorf("it has the flows %s, which are nothing to logins", v.ConfigMap.Name)
		}
	}
	if len(mounts) != len(pod.Volumes) || slices.Contains(secrets, "retail") {
		t.Errorf("it has %v of %d volumes, and the secrets %v", mounts, len(pod.Volumes), secrets)
	}
	for _, path := range append(c.Args, slices.Collect(maps.Values(seen))...) {
		if _, file, ok := strings.Cut(path, "--http-config="); ok {
			path = file
		}
		if strings.HasPrefix(path, "/etc/authprober-") && !slices.Contains(slices.Collect(maps.Values(mounts)), filepath.Dir(path)) {
			t.Errorf("%s lies in no volume", path)
		}
	}
}

// holdApart: what selects probers does not select it, and the other way round.
func holdApart(t *testing.T, in, pooled installation, d *apps.Deployment) {
	t.Helper()
	service := the[core.Service](t, pooled)
	selects := func(selector, labels map[string]string) bool {
		for name, value := range selector {
			if labels[name] != value {
				return false
			}
		}
		return true
	}
	set := the[apps.StatefulSet](t, in)
	pod := d.Spec.Template.Labels
	if selects(set.Spec.Selector.MatchLabels, pod) || selects(d.Spec.Selector.MatchLabels, set.Spec.Template.Labels) ||
		!selects(d.Spec.Selector.MatchLabels, pod) || !selects(service.Spec.Selector, pod) || service.Spec.ClusterIP != "" {
		t.Errorf("%v, %v and %v do not tell %v from probers", set.Spec.Selector.MatchLabels, d.Spec.Selector.MatchLabels, service.Spec.Selector, pod)
	}
	for _, other := range in.pooled {
		if other, ok := other.(*apps.Deployment); ok && other.Name != d.Name && selects(d.Spec.Selector.MatchLabels, other.Spec.Template.Labels) {
			t.Errorf("%v does not tell the pods of %s from those of %s", d.Spec.Selector.MatchLabels, d.Name, other.Name)
		}
	}
	for _, p := range of[networking.NetworkPolicy](pooled) {
		if !selects(p.Spec.PodSelector.MatchLabels, pod) {
			t.Errorf("the NetworkPolicy selects %v", p.Spec.PodSelector.MatchLabels)
		}
		holdNetwork(t, p)
	}
	for _, m := range of[monitoring.ServiceMonitor](pooled) {
		if !selects(m.Spec.Selector.MatchLabels, service.Labels) || selects(m.Spec.Selector.MatchLabels, the[core.Service](t, in).Labels) {
			t.Errorf("the ServiceMonitor selects %v", m.Spec.Selector.MatchLabels)
		}
	}
	for _, m := range of[monitoring.ServiceMonitor](in) {
		if selects(m.Spec.Selector.MatchLabels, service.Labels) {
			t.Errorf("the ServiceMonitor of probers selects %v", service.Labels)
		}
	}
	for _, m := range of[monitoring.PodMonitor](pooled) {
		if !selects(m.Spec.Selector.MatchLabels, pod) {
			t.Errorf("the PodMonitor selects %v", m.Spec.Selector.MatchLabels)
		}
	}
}

// TestAggregatorAlertsOfBothWaysAreOne holds what the scrape makes of its series against the
// labels of what it gives directly.
func TestAggregatorAlertsOfBothWaysAreOne(t *testing.T) {
	both := 0
	for _, in := range installations(t) {
		for pooled, rules := range ofAggregators(in) {
			after := scraped(t, rules, "10.1.2.3:9870")
			if again := scraped(t, rules, "10.9.8.7:9870"); !maps.Equal(after, again) || after["job"] != "authprober-aggregate" {
				t.Errorf("%s: another address makes %v of %v", in.name, again, after)
			}
			direct := map[string]string{"job": "authprober-aggregate"}
			for _, v := range the[apps.Deployment](t, pooled).Spec.Template.Spec.Containers[0].Env {
				if v.Name == "AUTHPROBER_ALERT_LABELS" {
					for pair := range strings.SplitSeq(v.Value, ",") {
						name, value, _ := strings.Cut(pair, "=")
						direct[name] = value
					}
				}
			}
			if len(direct) == 1 {
				continue // it gives none
			}
			both++
			after["prometheus"] = "monitoring/k8s"
			if !maps.Equal(after, direct) {
				t.Errorf("%s: scraped %v, given directly %v", in.name, after, direct)
			}
		}
	}
	if both == 0 {
		t.Error("no values have both ways")
	}
}

// ofAggregators are the aggregators of an installation, and how each is scraped.
func ofAggregators(in installation) iter.Seq2[installation, []monitoring.RelabelConfig] {
	return func(yield func(installation, []monitoring.RelabelConfig) bool) {
		for _, pooled := range in.aggregators() {
			for _, rules := range relabelings(pooled) {
				if !yield(pooled, rules) {
					return
				}
			}
		}
	}
}

// TestAggregatorAccepts starts the program as each pod would, with an API that is not there: it
// gets as far as asking that.
func TestAggregatorAccepts(t *testing.T) {
	c := loadChart(t)
	in, err := render(c, "pool", "probes", readValues(t, chartDir+"/ci/shards-values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	mount(t, root, in, the[apps.StatefulSet](t, in))
	for _, values := range []string{"aggregate", "logins"} {
		in, err := render(c, "pool", "probes", readValues(t, chartDir+"/ci/"+values+"-values.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, pooled := range in.aggregators() {
			asks(t, root, pooled)
		}
	}
}

// asks holds that the program, told what the pod of an aggregator is told, gets as far as asking.
func asks(t *testing.T, root string, pooled installation) {
	t.Helper()
	path, err := authprober()
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	for _, arg := range the[apps.Deployment](t, pooled).Spec.Template.Spec.Containers[0].Args {
		switch {
		case strings.HasPrefix(arg, "--http-config="):
			continue
		case strings.HasPrefix(arg, "--url="):
			arg = "--url=http://127.0.0.1:1/prometheus"
		case strings.HasPrefix(arg, "/etc/"):
			arg = root + arg
		}
		args = append(args, arg)
	}
	out, err := exec.Command(path, append(args, "--once")...).CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 3 || !strings.Contains(string(out), "asking http://127.0.0.1:1/prometheus: ") {
		t.Errorf("%q ended with %v:\n%s", args, err, out)
	}
}
