package chart

import (
	"maps"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	apps "k8s.io/api/apps/v1"
)

// TestAlertsOfBothWaysAreOne has Prometheus' own code relabel a pod, with what the
// operator makes of it before the chart is asked, and holds the labels against those of
// the alerts that the pod gives directly. A pod that is made anew has the same.
func TestAlertsOfBothWaysAreOne(t *testing.T) {
	both := 0
	for _, in := range installations(t) {
		given, direct := alertLabels(the[apps.StatefulSet](t, in))
		for _, rules := range relabelings(in) {
			before, after := scraped(t, rules, "10.1.2.3:9870"), scraped(t, rules, "10.9.8.7:9870")
			if !maps.Equal(before, after) {
				t.Errorf("%s: another address makes %v of %v", in.name, after, before)
			}
			if !given {
				continue
			}
			both++
			before["prometheus"] = "monitoring/k8s" // external, and so told to the prober
			if !maps.Equal(before, direct) {
				t.Errorf("%s: scraped %v, given directly %v", in.name, before, direct)
			}
		}
	}
	if both == 0 {
		t.Error("no values have both ways")
	}
}

// relabelings are those of the monitors.
func relabelings(in installation) (all [][]monitoring.RelabelConfig) {
	for _, m := range of[monitoring.ServiceMonitor](in) {
		all = append(all, m.Spec.Endpoints[0].RelabelConfigs)
	}
	for _, m := range of[monitoring.PodMonitor](in) {
		all = append(all, m.Spec.PodMetricsEndpoints[0].RelabelConfigs)
	}
	return all
}

// scraped are the labels of a series of the first pod at an address.
func scraped(t *testing.T, rules []monitoring.RelabelConfig, address string) map[string]string {
	t.Helper()
	set := labels.NewBuilder(labels.FromStrings("__address__", address, "__meta_kubernetes_pod_name", "probe-0", "__meta_kubernetes_namespace", "probes",
		"job", "probes/probe", "namespace", "probes", "pod", "probe-0", "service", "probe", "container", "authprober", "endpoint", "http-metrics"))
	for _, r := range rules {
		one := relabel.DefaultRelabelConfig
		one.NameValidationScheme = model.UTF8Validation
		if r.Action != "" {
			one.Action = relabel.Action(r.Action)
		}
		if r.Regex != "" {
			one.Regex = relabel.MustNewRegexp(r.Regex)
		}
		if r.Replacement != nil {
			one.Replacement = *r.Replacement
		}
		for _, name := range r.SourceLabels {
			one.SourceLabels = append(one.SourceLabels, model.LabelName(name))
		}
		one.TargetLabel = r.TargetLabel
		if !relabel.ProcessBuilder(set, &one) {
			t.Fatalf("it is not scraped: %+v", r)
		}
	}
	all := set.Labels().Map()
	maps.DeleteFunc(all, func(name, _ string) bool { return strings.HasPrefix(name, "__") })
	if all["instance"] == "" {
		all["instance"] = address // as Prometheus does
	}
	return all
}

// alertLabels are those that the first pod's daemon adds to alerts that it gives directly, if it
// gives any.
func alertLabels(set *apps.StatefulSet) (given bool, all map[string]string) {
	all = map[string]string{"job": "authprober"}
	named := "$(POD_NAME)" // until it is known, the text stays as it is
	for _, v := range set.Spec.Template.Spec.Containers[0].Env {
		given = given || v.Name == "AUTHPROBER_ALERTMANAGER_URLS"
		if v.Name == "POD_NAME" {
			named = "probe-0"
		}
		if v.Name != "AUTHPROBER_ALERT_LABELS" {
			continue
		}
		for pair := range strings.SplitSeq(strings.ReplaceAll(v.Value, "$(POD_NAME)", named), ",") {
			name, value, _ := strings.Cut(pair, "=")
			all[name] = value
		}
	}
	return given, all
}
