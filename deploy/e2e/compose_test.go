package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// composed is deploy/compose.yaml as docker compose reads it, by its own code: strictly.
func composed(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{deployed("compose.yaml")}, cli.WithResolvedPaths(true), cli.WithProfiles(profiles))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// TestCompose holds the compose file against the files it mounts, which would become
// empty folders where they are missing, and against what must not be.
func TestCompose(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(repository(), "README.md"))
	if err != nil || !strings.Contains(string(readme), "docker compose -f deploy/compose.yaml up --build") {
		t.Errorf("the README does not say how to start it: %v", err)
	}
	if got := composed(t).ServiceNames(); slices.Contains(got, "authprober-aggregate") {
		t.Errorf("without a profile the services are %v", got)
	}
	project := composed(t, "aggregate")
	if got, want := project.ServiceNames(), []string{"alertmanager", "authprober", "authprober-aggregate", "bank", "grafana", "prometheus"}; !slices.Equal(got, want) {
		t.Errorf("the services are %v, want %v", got, want)
	}
	for name, s := range project.Services {
		if _, tag, ok := strings.Cut(s.Image, ":"); !ok || tag == "latest" {
			t.Errorf("%s: the image %s has no tag that stays", name, s.Image)
		}
		for _, p := range s.Ports {
			if p.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is open to everybody", name, p.Published)
			}
		}
		for _, v := range s.Volumes {
			if v.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil || !v.ReadOnly {
				t.Errorf("%s: the volume of %s has to be there, %v, and read only", name, v.Target, err)
			}
		}
		if b := s.Build; b != nil {
			if _, err := os.Stat(filepath.Join(b.Context, b.Dockerfile)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	// What a command or a setting names has to be mounted.
	for service, path := range map[string]string{
		"prometheus": "/etc/prometheus/prometheus.yml", "alertmanager": "/etc/alertmanager/alertmanager.yml",
		"authprober": "/etc/authprober", "authprober-aggregate": "/etc/authprober", "grafana": "/etc/grafana/dashboards",
	} {
		s := project.Services[service]
		named := strings.Join(s.Command, " ")
		for _, value := range s.Environment {
			named += " " + *value
		}
		if !strings.Contains(named, path) || !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == path }) {
			t.Errorf("%s: %s is not both mounted and named", service, path)
		}
	}
	if config, err := os.ReadFile(deployed("prometheus", "prometheus.yml")); err != nil || !strings.Contains(string(config), "names: [authprober-aggregate]") {
		t.Errorf("Prometheus does not look for the aggregator: %v", err)
	}
	home := *project.Services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if _, err := os.Stat(deployed("grafana", "dashboards", filepath.Base(home))); err != nil {
		t.Errorf("Grafana's home: %v", err)
	}
}
