package chart

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
)

// built is where the program is, once it is asked for.
var built string

// authprober is the program, built once.
var authprober = sync.OnceValues(func() (string, error) {
	path := filepath.Join(built, "authprober")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/authprober")
	cmd.Dir = repository
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building authprober: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "authprober-chart-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(built) // what is left in the temporary folder harms nobody
	os.Exit(code)
}

// TestDaemonAccepts starts the program as each installation whose flows are all of its
// own would, in as many shards, but for check in place of run.
func TestDaemonAccepts(t *testing.T) {
	tried := 0
	for _, in := range installations(t) {
		if in.name == "one" || in.name == "shards" {
			tried += accepted(t, in)
		}
	}
	if tried != 4 {
		t.Errorf("%d pods were tried, want 4", tried)
	}
}

// accepted lets the program check what each pod would have before it, and returns how
// many pods there are.
func accepted(t *testing.T, in installation) int {
	t.Helper()
	path, err := authprober()
	if err != nil {
		t.Fatal(err)
	}
	set := the[apps.StatefulSet](t, in)
	root := t.TempDir()
	mount(t, root, in, set)
	for pod := range int(*set.Spec.Replicas) {
		cmd := exec.Command(path, "check", filepath.Join(root, "etc", "authprober"))
		cmd.Env = podEnvironment(set, root, pod)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "means nothing") {
			t.Errorf("%s: the program refuses what its pod %d would have: %v\n%s", in.name, pod, err, out)
		}
	}
	return int(*set.Spec.Replicas)
}

// Any secret: a password, and a key of one-time codes as well.
const sesame = "JBSWY3DPEHPK3PXP"

var secretFile = regexp.MustCompile(`/run/secrets/[-/\w.]+`)

// mount puts the volumes of an installation below root, with a text in each file of a
// Secret that a flow reads.
func mount(t *testing.T, root string, in installation, set *apps.StatefulSet) {
	t.Helper()
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data := map[string]map[string]string{}
	for _, m := range of[core.ConfigMap](in) {
		data[m.Name] = m.Data
	}
	sources := map[string]string{}
	for _, v := range set.Spec.Template.Spec.Volumes {
		if v.ConfigMap != nil {
			sources[v.Name] = v.ConfigMap.Name
		}
	}
	for _, m := range set.Spec.Template.Spec.Containers[0].VolumeMounts {
		if err := os.MkdirAll(filepath.Join(root, m.MountPath), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range data[sources[m.Name]] {
			for _, file := range secretFile.FindAllString(text, -1) {
				write(filepath.Join(root, file), sesame)
			}
			write(filepath.Join(root, m.MountPath, name), strings.ReplaceAll(text, "/run/secrets/", root+"/run/secrets/"))
		}
	}
}

// podEnvironment is what a pod has in its environment: the n-th, from 0 on.
func podEnvironment(set *apps.StatefulSet, root string, n int) (env []string) {
	if set.Spec.Ordinals != nil {
		n += int(set.Spec.Ordinals.Start)
	}
	number := fmt.Sprint(n)
	for _, v := range set.Spec.Template.Spec.Containers[0].Env {
		value := strings.ReplaceAll(v.Value, "$(POD_INDEX)", number)
		switch {
		case v.ValueFrom != nil && v.ValueFrom.SecretKeyRef != nil:
			value = sesame
		case v.ValueFrom != nil:
			value = number
		case strings.HasPrefix(value, "/"):
			value = root + value
		}
		env = append(env, v.Name+"="+value)
	}
	return env
}
