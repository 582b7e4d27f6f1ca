package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// A compose file, as far as it is looked at here.
type compose struct {
	Services map[string]struct {
		Image     string
		Build     struct{ Context string }
		Command   []string
		DependsOn []string `yaml:"depends_on"`
		Volumes   []string
	}
	Volumes map[string]any
}

// TestCompose holds the compose file against the files it mounts: what is
// missing would become an empty folder.
func TestCompose(t *testing.T) {
	var file compose
	readYAML(t, deployed("compose.yaml"), &file)
	for _, name := range []string{"bank", "authprober", "prometheus", "alertmanager"} {
		s, ok := file.Services[name]
		if !ok {
			t.Errorf("no service %q", name)
			continue
		}
		if !strings.HasPrefix(s.Image, "${") || !strings.Contains(s.Image, ":-") {
			t.Errorf("%s: image %q, want a variable with a default", name, s.Image)
		}
		for _, other := range s.DependsOn {
			if _, ok := file.Services[other]; !ok {
				t.Errorf("%s depends on %q, which is no service", name, other)
			}
		}
		for _, v := range s.Volumes {
			if err := file.checkVolume(v); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if c := s.Build.Context; c != "" {
			if _, err := os.Stat(filepath.Join(deployed(c), "Dockerfile")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for _, flag := range []string{"--config.file=/etc/prometheus/prometheus.yml", "--config.file=/etc/alertmanager/alertmanager.yml"} {
		path := strings.TrimPrefix(flag, "--config.file=")
		if s := file.Services[strings.Split(path, "/")[2]]; !slices.Contains(s.Command, flag) ||
			!slices.ContainsFunc(s.Volumes, func(v string) bool { return strings.Contains(v, ":"+path+":") }) {
			t.Errorf("%s is not both mounted and named in the command", path)
		}
	}
}

func (c *compose) checkVolume(v string) error {
	source, rest, ok := strings.Cut(v, ":")
	if target, _, _ := strings.Cut(rest, ":"); !ok || !strings.HasPrefix(target, "/") {
		return fmt.Errorf("volume %q, want SOURCE:/TARGET", v)
	}
	if strings.HasPrefix(source, ".") {
		_, err := os.Stat(deployed(source))
		return err
	}
	if _, ok := c.Volumes[source]; !ok {
		return fmt.Errorf("volume %q is not declared", source)
	}
	return nil
}
