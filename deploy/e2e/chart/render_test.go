package chart

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

const (
	repository = "../../.."
	chartDir   = repository + "/deploy/helm/authprober"
)

// Types are the kinds of objects that there may be, as the cluster decodes them.
var types = map[string]func() meta.Object{
	"apps/v1 StatefulSet":                     func() meta.Object { return &apps.StatefulSet{} },
	"apps/v1 Deployment":                      func() meta.Object { return &apps.Deployment{} },
	"v1 ConfigMap":                            func() meta.Object { return &core.ConfigMap{} },
	"v1 Service":                              func() meta.Object { return &core.Service{} },
	"v1 ServiceAccount":                       func() meta.Object { return &core.ServiceAccount{} },
	"v1 Namespace":                            func() meta.Object { return &core.Namespace{} },
	"policy/v1 PodDisruptionBudget":           func() meta.Object { return &policy.PodDisruptionBudget{} },
	"networking.k8s.io/v1 NetworkPolicy":      func() meta.Object { return &networking.NetworkPolicy{} },
	"monitoring.coreos.com/v1 ServiceMonitor": func() meta.Object { return &monitoring.ServiceMonitor{} },
	"monitoring.coreos.com/v1 PodMonitor":     func() meta.Object { return &monitoring.PodMonitor{} },
	"monitoring.coreos.com/v1 PrometheusRule": func() meta.Object { return &monitoring.PrometheusRule{} },
}

// An installation is what a set of values amounts to.
type installation struct {
	name    string
	values  chartutil.Values
	notes   string
	objects []meta.Object // but for those of aggregators
	pooled  []meta.Object // which these are
}

// add puts objects where they belong.
func (in *installation) add(objects []meta.Object) {
	for _, o := range objects {
		if name := o.GetLabels()["app.kubernetes.io/name"]; strings.HasSuffix(name, "-aggregate") || strings.HasSuffix(name, "-logins") {
			in.pooled = append(in.pooled, o)
		} else {
			in.objects = append(in.objects, o)
		}
	}
}

// aggregators are the installations of each aggregator alone: "aggregate" is that of the flows, and
// those of logins have their names.
func (in installation) aggregators() map[string]installation {
	all := map[string]installation{}
	for _, o := range in.pooled {
		name := o.GetLabels()["app.kubernetes.io/component"]
		one := all[name]
		one.name, one.values, one.notes, one.objects = in.name+" "+name, in.values, in.notes, append(one.objects, o)
		all[name] = one
	}
	return all
}

// of are the objects of a type.
func of[T any](in installation) (found []*T) {
	for _, o := range in.objects {
		if one, ok := o.(any).(*T); ok {
			found = append(found, one)
		}
	}
	return found
}

// the is the only object of a type.
func the[T any](t *testing.T, in installation) *T {
	t.Helper()
	found := of[T](in)
	if len(found) != 1 {
		t.Fatalf("%s: %d objects of the type %T, want 1", in.name, len(found), *new(T))
	}
	return found[0]
}

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// render is helm template.
func render(c *chart.Chart, release, namespace string, given map[string]any) (installation, error) {
	in := installation{name: release}
	var err error
	in.values, err = chartutil.ToRenderValues(c, given, chartutil.ReleaseOptions{
		Name: release, Namespace: namespace, Revision: 1, IsInstall: true,
	}, chartutil.DefaultCapabilities)
	if err != nil {
		return in, err
	}
	files, err := engine.Engine{Strict: true}.Render(c, in.values)
	if err != nil {
		return in, err
	}
	for _, path := range slices.Sorted(keys(files)) {
		switch text := files[path]; {
		case filepath.Base(path) == "NOTES.txt":
			in.notes = text
		case strings.HasPrefix(filepath.Base(path), "_"):
		default:
			objects, err := decode(text)
			if err != nil {
				return in, fmt.Errorf("%s: %w\n%s", path, err, text)
			}
			in.add(objects)
		}
	}
	return in, nil
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// decode reads objects as strictly as a cluster that is asked to: a field that there
// is not, or that is there twice, is an error.
func decode(text string) (all []meta.Object, err error) {
	for document := range strings.SplitSeq("\n"+text, "\n---\n") {
		var kind meta.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
			return nil, err
		}
		if kind.Kind == "" && strings.TrimSpace(document) == "" {
			continue
		}
		make, ok := types[kind.APIVersion+" "+kind.Kind]
		if !ok {
			return nil, fmt.Errorf("an object of the kind %q, which nothing here should make", kind.APIVersion+" "+kind.Kind)
		}
		object := make()
		if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
			return nil, fmt.Errorf("decoding a %s: %w", kind.Kind, err)
		}
		all = append(all, object)
	}
	return all, nil
}

// installations renders the chart with each of its sets of values.
func installations(t *testing.T) (all []installation) {
	t.Helper()
	c := loadChart(t)
	files, err := filepath.Glob(chartDir + "/ci/*-values.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d sets of values (%v), want 10 or more", len(files), err)
	}
	for _, file := range files {
		in, err := render(c, strings.TrimSuffix(filepath.Base(file), "-values.yaml"), "probes", readValues(t, file))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, in)
	}
	return all
}

func readValues(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	values, err := chartutil.ReadValues(text)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return values
}
