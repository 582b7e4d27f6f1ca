package chart

import (
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
)

// TestMistakes: what is no value is refused, and the error says where it is.
func TestMistakes(t *testing.T) {
	c := loadChart(t)
	const flow, api = "flows: {configMaps: [flows]}\n", "url: http://thanos:10902, "
	logins := func(watches, api string) string { return flow + "aggregate: {" + api + "logins: [" + watches + "]}\n" }
	for _, test := range []struct{ name, values, want string }{
		{"no flow", "{}", "there is no flow: name ConfigMaps in flows.configMaps"},
		{"slip", flow + "replicas: 3", "additional properties 'replicas' not allowed"},
		{"slip within", flow + "image: {tags: v1}", "'/image'"},
		{"shards", flow + "shards: 0", "'/shards': minimum: got 0, want 1"},
		{"half a shard", flow + "shards: 1.5", "'/shards'"},
		{"setting that is none", flow + "settings: {LOG_LEVLE: debug}", "additional properties 'LOG_LEVLE' not allowed"},
		{"setting of the chart", flow + "settings: {SHARD: 1/2}", "additional properties 'SHARD' not allowed"},
		{"secret setting", flow + "settings: {HEARTBEAT_URL: https://sesame.example}", "additional properties 'HEARTBEAT_URL' not allowed"},
		{"setting as a Secret", flow + "secrets: {env: [{variable: AUTHPROBER_SHARD, name: retail, key: a}]}", "'/secrets/env/0/variable'"},
		{"setting as a variable", flow + "env: {AUTHPROBER_SHARD: 1/2}", "AUTHPROBER_SHARD"},
		{"secret as a value", flow + "secrets: {env: [{variable: PASSWORD, value: sesame}]}", "'/secrets/env/0'"},
		{"half a reference", flow + "secrets: {env: [{variable: PASSWORD, name: retail}]}", "missing property 'key'"},
		{"digest", flow + "image: {digest: sha256:abc}", "'/image/digest'"},
		{"root", flow + "user: 0", "'/user': minimum: got 0, want 1"},
		{"monitor", flow + "monitor: {kind: servicemonitor}", "'/monitor/kind'"},
		{"network without a target", flow + "networkPolicy: {enabled: true}", "'/networkPolicy/targets': minItems: got 0, want 1"},
		{"target without ports", flow + "networkPolicy: {enabled: true, targets: [{to: [{podSelector: {}}]}]}", "missing property 'ports'"},
		{"flow that is no YAML", "flows: {files: {login.json: x}}", "login.json"},
		{"file of a flow, empty", `flows: {files: {login.yaml: ""}}`, "'/flows/files/login.yaml'"},
		{"budget", flow + "podDisruptionBudget: {maxUnavailable: most}", "'/podDisruptionBudget/maxUnavailable'"},
		{"aggregator without an API", flow + "aggregate: {enabled: true}", "'/aggregate/url'"},
		{"aggregator with a password", flow + "aggregate: {enabled: true, url: \"https://me:sesame@mimir.example\"}", "want no user and no password in it"},
		{"aggregator with a flag of the chart", flow + "aggregate: {enabled: true, url: http://prometheus:9090, args: [--url=x]}", "'/aggregate/args/0'"},
		{"aggregator without a way out", flow + "networkPolicy: {enabled: true, targets: [{to: [{podSelector: {}}], ports: [1]}]}\n" +
			"aggregate: {enabled: true, url: http://prometheus:9090}", "'/aggregate/targets'"},
		{"logins without an API", logins("{name: a, runs: r, failures: f}", ""), "'/aggregate/url'"},
		{"logins without failures", logins("{name: a, runs: r}", api), "missing property 'failures'"},
		{"logins that are named for no Service", logins("{name: Retail App, runs: r, failures: f}", api), "'/aggregate/logins/0/name'"},
		{"logins twice", logins("{name: a, runs: r, failures: f}, {name: a, runs: r, failures: f}", api), "aggregate.logins: a is there twice"},
		{"logins with a slip", logins("{name: a, runs: r, failures: f, false-pages: 1 per 30d}", api), "'false-pages' not allowed"},
		{"logins with a rate that is none", logins("{name: a, runs: r, failures: f, tolerate: little}", api), "'/aggregate/logins/0/tolerate'"},
		{"logins with a label of ours", logins("{name: a, runs: r, failures: f, labels: {check: b}}", api), "check"},
		{"logins with a flag that is a value", logins("{name: a, runs: r, failures: f, args: [--detect=1%]}", api), "'/aggregate/logins/0/args/0'"},
		{"logins without a way out", logins("{name: a, runs: r, failures: f}", api) +
			"networkPolicy: {enabled: true, targets: [{to: [{podSelector: {}}], ports: [1]}]}", "'/aggregate/targets'"},
		{"name", flow + "fullnameOverride: Prober_1", "'/fullnameOverride'"},
	} {
		values, err := chartutil.ReadValues([]byte(test.values))
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		_, err = render(c, "wrong", "probes", values)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q in it", test.name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: the error repeats the value: %v", test.name, err)
		}
	}
}

// TestDefaultsAreNamed: each value that has a default is one that the schema knows, and
// the file says of each what it is for.
func TestDefaultsAreNamed(t *testing.T) {
	c := loadChart(t)
	values := map[string]any{"flows": map[string]any{"configMaps": []any{"flows"}}}
	all, err := chartutil.CoalesceValues(c, values)
	if err != nil {
		t.Fatal(err)
	}
	if err := chartutil.ValidateAgainstSchema(c, all); err != nil {
		t.Error(err)
	}
	if !chartutil.IsCompatibleRange(c.Metadata.KubeVersion, "v1.28.0") || !chartutil.IsCompatibleRange(c.Metadata.KubeVersion, "v1.34.1-gke.100") ||
		chartutil.IsCompatibleRange(c.Metadata.KubeVersion, "v1.27.9") {
		t.Errorf("it is for %s", c.Metadata.KubeVersion)
	}
}
