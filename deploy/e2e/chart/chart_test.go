package chart

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// TestInstallations holds what every installation has to be.
func TestInstallations(t *testing.T) {
	known := environment(t)
	for _, in := range installations(t) {
		t.Run(in.name, func(t *testing.T) {
			holdObjects(t, in)
			set := the[apps.StatefulSet](t, in)
			holdPod(t, set.Spec.Template.Spec)
			holdContainer(t, set.Spec.Template.Spec.Containers[0], known)
			holdVolumes(t, set)
			holdShards(t, set)
			holdSelectors(t, in, set)
			if !strings.Contains(in.notes, "rollout status statefulset/"+set.Name+"\n") {
				t.Errorf("the notes do not say how to look at %s:\n%s", set.Name, in.notes)
			}
		})
	}
}

// environment are the variables that the daemon knows.
func environment(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(repository + "/docs/environment.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(AUTHPROBER_[A-Z_]+)`").FindAllStringSubmatch(string(text), -1) {
		known[m[1]] = true
	}
	if len(known) < 10 {
		t.Fatalf("the daemon knows %d variables", len(known))
	}
	return known
}

var dnsLabel = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)

func holdObjects(t *testing.T, in installation) {
	t.Helper()
	seen := map[string]bool{}
	for _, o := range in.objects {
		id := fmt.Sprintf("%T %s/%s", o, o.GetNamespace(), o.GetName())
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
		if !dnsLabel.MatchString(o.GetName()) {
			t.Errorf("%s has a name that is none", id)
		}
		if o.GetNamespace() == "" {
			t.Errorf("%s is in no namespace", id)
		}
		for _, label := range []string{"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart"} {
			if o.GetLabels()[label] == "" {
				t.Errorf("%s has no label %s", id, label)
			}
		}
	}
}

// holdPod: no more rights than the restricted standard of Kubernetes leaves.
func holdPod(t *testing.T, pod core.PodSpec) {
	t.Helper()
	if len(pod.Containers) != 1 || len(pod.InitContainers) != 0 {
		t.Fatalf("%d containers and %d before them, want one", len(pod.Containers), len(pod.InitContainers))
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken || pod.ServiceAccountName == "" {
		t.Errorf("the pod has a token of %q", pod.ServiceAccountName)
	}
	if pod.HostNetwork || pod.HostPID || pod.HostIPC {
		t.Error("the pod sees its node")
	}
	s := pod.SecurityContext
	if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod's security context is %+v", s)
	}
	if pod.TerminationGracePeriodSeconds == nil || *pod.TerminationGracePeriodSeconds < 30 {
		t.Error("a run has no time to log out")
	}
	for _, v := range pod.Volumes {
		if v.ConfigMap == nil && v.Secret == nil && v.EmptyDir == nil {
			t.Errorf("the volume %s is of a kind that is not needed", v.Name)
		}
	}
}

func holdContainer(t *testing.T, c core.Container, known map[string]bool) {
	t.Helper()
	s := c.SecurityContext
	if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.Privileged == nil || *s.Privileged ||
		s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem || s.RunAsNonRoot == nil || !*s.RunAsNonRoot ||
		s.SeccompProfile == nil || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault ||
		s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) || len(s.Capabilities.Add) != 0 {
		t.Errorf("the container's security context is %+v", s)
	}
	if !slices.Equal(c.Args, []string{"run", "/etc/authprober"}) || c.Command != nil {
		t.Errorf("it runs %q %q", c.Command, c.Args)
	}
	if !regexp.MustCompile(`^[^@]+(:[^:/]+|@sha256:[0-9a-f]{64})$`).MatchString(c.Image) {
		t.Errorf("the image is %q", c.Image)
	}
	if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
		t.Error("it asks for no resources")
	}
	holdEnvironment(t, c.Env, known)
	for path, probe := range map[string]*core.Probe{"/-/healthy": c.LivenessProbe, "/-/ready": c.ReadinessProbe} {
		switch {
		case probe == nil || c.StartupProbe == nil:
			t.Errorf("nobody asks for %s", path)
		case probe.Exec != nil:
			if got := strings.Join(probe.Exec.Command, " "); got != "/usr/bin/authprober health" {
				t.Errorf("%s: the probe runs %q", path, got)
			}
		case probe.HTTPGet.Path != path || probe.HTTPGet.Port.StrVal != c.Ports[0].Name || c.Ports[0].ContainerPort != 9870:
			t.Errorf("%s: the probe asks for %+v", path, probe.HTTPGet)
		}
	}
}

// holdEnvironment: each variable once, those of the daemon known to it.
func holdEnvironment(t *testing.T, env []core.EnvVar, known map[string]bool) {
	t.Helper()
	seen := map[string]bool{}
	for _, v := range env {
		if seen[v.Name] {
			t.Errorf("%s is set twice", v.Name)
		}
		seen[v.Name] = true
		if strings.HasPrefix(v.Name, "AUTHPROBER_") && (!known[v.Name] || v.Value == "" && v.ValueFrom == nil) {
			t.Errorf("%s=%q means nothing to the daemon", v.Name, v.Value)
		}
		if (strings.Contains(v.Name, "PASSWORD") || v.Name == "AUTHPROBER_HEARTBEAT_URL") && (v.Value != "" || v.ValueFrom == nil || v.ValueFrom.SecretKeyRef == nil) {
			t.Errorf("%s is no reference to a Secret", v.Name)
		}
	}
	for _, name := range []string{"AUTHPROBER_LISTEN", "AUTHPROBER_STATE_DIR", "AUTHPROBER_PAUSE_FILE"} {
		if !seen[name] {
			t.Errorf("%s is not set", name)
		}
	}
}

// holdVolumes: each volume is mounted somewhere, each mount is of one that is there,
// and what the environment and the arguments name lies in them.
func holdVolumes(t *testing.T, set *apps.StatefulSet) {
	t.Helper()
	pod := set.Spec.Template.Spec
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = false
	}
	for _, claim := range set.Spec.VolumeClaimTemplates {
		volumes[claim.Name] = false
	}
	paths := map[string]bool{}
	for _, m := range pod.Containers[0].VolumeMounts {
		if _, ok := volumes[m.Name]; !ok {
			t.Errorf("%s is mounted and is not there", m.Name)
		}
		if paths[m.MountPath] {
			t.Errorf("two volumes are mounted at %s", m.MountPath)
		}
		if m.ReadOnly == (m.MountPath == "/var/lib/authprober") {
			t.Errorf("%s: read-only is %v", m.MountPath, m.ReadOnly)
		}
		volumes[m.Name], paths[m.MountPath] = true, true
	}
	for name, mounted := range volumes {
		if !mounted {
			t.Errorf("%s is mounted nowhere", name)
		}
	}
	for _, v := range pod.Containers[0].Env {
		if strings.HasSuffix(v.Name, "_FILE") && !paths[filepath.Dir(v.Value)] || strings.HasSuffix(v.Name, "_DIR") && !paths[v.Value] {
			t.Errorf("%s=%s lies in no volume", v.Name, v.Value)
		}
	}
	if !slices.ContainsFunc(pod.Containers[0].VolumeMounts, func(m core.VolumeMount) bool { return strings.HasPrefix(m.MountPath, "/etc/authprober/") }) {
		t.Error("there is no flow")
	}
}

// holdShards gives each pod its number, as the cluster does, and reads its shard.
func holdShards(t *testing.T, set *apps.StatefulSet) {
	t.Helper()
	n, first := int(*set.Spec.Replicas), 0
	if set.Spec.Ordinals != nil {
		first = int(set.Spec.Ordinals.Start)
	}
	env := set.Spec.Template.Spec.Containers[0].Env
	at := slices.IndexFunc(env, func(v core.EnvVar) bool { return v.Name == "AUTHPROBER_SHARD" })
	if n == 1 {
		if at >= 0 {
			t.Errorf("the only prober has a shard: %+v", env[at])
		}
		return
	}
	index := slices.IndexFunc(env, func(v core.EnvVar) bool {
		return v.ValueFrom != nil && v.ValueFrom.FieldRef != nil && v.ValueFrom.FieldRef.FieldPath == "metadata.labels['"+apps.PodIndexLabel+"']"
	})
	if index < 0 || index > at {
		t.Fatalf("the pod's number is variable %d and its shard %d: what is named has to come first", index, at)
	}
	var got, want []string
	for i := range n {
		got = append(got, strings.ReplaceAll(env[at].Value, "$("+env[index].Name+")", fmt.Sprint(first+i)))
		want = append(want, fmt.Sprintf("%d/%d", i+1, n))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the shards are %v, want %v", got, want)
	}
}

func holdSelectors(t *testing.T, in installation, set *apps.StatefulSet) {
	t.Helper()
	pod := set.Spec.Template.Labels
	service := the[core.Service](t, in)
	selects := func(what string, selector, labels map[string]string) {
		t.Helper()
		if len(selector) != 2 { // fewer are others too, and more change with an upgrade
			t.Errorf("%s selects %v, want name and instance", what, selector)
		}
		for k, v := range selector {
			if labels[k] != v {
				t.Errorf("%s selects %s=%s, which is %q", what, k, v, labels[k])
			}
		}
	}
	selects("the StatefulSet", set.Spec.Selector.MatchLabels, pod)
	selects("the Service", service.Spec.Selector, pod)
	if set.Spec.ServiceName != service.Name || service.Spec.ClusterIP != core.ClusterIPNone {
		t.Errorf("the pods are named by the Service %q, and there is %q at %q", set.Spec.ServiceName, service.Name, service.Spec.ClusterIP)
	}
	for _, p := range of[policy.PodDisruptionBudget](in) {
		selects("the budget", p.Spec.Selector.MatchLabels, pod)
	}
	for _, p := range of[networking.NetworkPolicy](in) {
		selects("the NetworkPolicy", p.Spec.PodSelector.MatchLabels, pod)
		holdNetwork(t, p)
	}
	for _, m := range of[monitoring.ServiceMonitor](in) {
		selects("the ServiceMonitor", m.Spec.Selector.MatchLabels, service.Labels)
		if p := m.Spec.Endpoints[0]; p.Port != service.Spec.Ports[0].Name || *p.RelabelConfigs[0].Replacement != "authprober" || p.RelabelConfigs[0].TargetLabel != "job" {
			t.Errorf("it scrapes %+v", p)
		}
	}
	for _, m := range of[monitoring.PodMonitor](in) {
		selects("the PodMonitor", m.Spec.Selector.MatchLabels, pod)
		if p := m.Spec.PodMetricsEndpoints[0]; *p.Port != set.Spec.Template.Spec.Containers[0].Ports[0].Name || *p.RelabelConfigs[0].Replacement != "authprober" {
			t.Errorf("it scrapes %+v", p)
		}
	}
}

// holdNetwork: nothing is open to everybody but name servers.
func holdNetwork(t *testing.T, p *networking.NetworkPolicy) {
	t.Helper()
	if len(p.Spec.PolicyTypes) != 2 || len(p.Spec.Egress) < 2 {
		t.Errorf("it is about %v, with %d ways out", p.Spec.PolicyTypes, len(p.Spec.Egress))
	}
	for _, e := range p.Spec.Egress {
		if len(e.Ports) == 0 || len(e.To) == 0 && e.Ports[0].Port.IntVal != 53 {
			t.Errorf("a way out is open to everybody: %+v", e)
		}
	}
	for _, i := range p.Spec.Ingress {
		if len(i.From) == 0 || len(i.Ports) != 1 {
			t.Errorf("a way in is open to everybody: %+v", i)
		}
	}
}

// TestCopies holds what is carried along to what it is a copy of.
func TestCopies(t *testing.T) {
	in, err := render(loadChart(t), "copies", "probes", readValues(t, chartDir+"/ci/servicemonitor-values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(repository + "/deploy/prometheus/authprober.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var want monitoring.PrometheusRuleSpec
	if err := yaml.UnmarshalStrict(text, &want); err != nil {
		t.Fatal(err)
	}
	got := the[monitoring.PrometheusRule](t, in)
	if a, b := mustYAML(t, got.Spec), mustYAML(t, want); !bytes.Equal(a, b) || len(want.Groups) == 0 {
		t.Errorf("the rules are not those of deploy/prometheus")
	}
	files, err := filepath.Glob(repository + "/deploy/grafana/dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dashboard (%v)", err)
	}
	boards := of[core.ConfigMap](in)[0]
	size := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		size += len(text)
		if boards.Data[filepath.Base(file)] != string(text) {
			t.Errorf("%s is not what the ConfigMap has", file)
		}
	}
	if len(boards.Data) != len(files) || size > 1<<20 {
		t.Errorf("%d dashboards of %d bytes, want %d in a ConfigMap that the cluster takes", len(boards.Data), size, len(files))
	}
}

func mustYAML(t *testing.T, v any) []byte {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestChecksum: other flows are another pod, and nothing else is.
func TestChecksum(t *testing.T) {
	c := loadChart(t)
	sum := func(flow, contact string) string {
		in, err := render(c, "sum", "probes", map[string]any{
			"flows":  map[string]any{"files": map[string]any{"a.yaml": flow}},
			"labels": map[string]any{"contact": contact},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := of[core.ConfigMap](in)[0].Data["a.yaml"]; got != flow {
			t.Fatalf("the ConfigMap has %q, want %q", got, flow)
		}
		return the[apps.StatefulSet](t, in).Spec.Template.Annotations["checksum/config"]
	}
	one := sum("name: a\n", "x")
	if other := sum("name: a\n# {{ x }} \"'\\ ü\n", "x"); one == other || len(one) != 64 {
		t.Errorf("other flows have the same sum %s", one)
	}
	if same := sum("name: a\n", "y"); one != same {
		t.Error("the same flows have another sum")
	}
}
