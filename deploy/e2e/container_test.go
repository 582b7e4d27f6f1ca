package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestContainer runs what deploy/compose.yaml runs of the prober and of the bank as the
// image would have them: nobody, in a root that holds the binary, a folder for its
// state, what is mounted, and nothing else. There is no engine here to build the image.
func TestContainer(t *testing.T) {
	project, root := composed(t), t.TempDir()
	bankAt, proberAt := freeAddresses(t, 1)[0], freeAddresses(t, 1)[0]
	furnish(t, root)
	if err := exec.Command("ldd", filepath.Join(root, "usr/bin/authprober")).Run(); err == nil {
		t.Error("the binary wants a libc")
	}

	bank, prober := project.Services["bank"], project.Services["authprober"]
	args := replaced(bank.Command, ":8480", bankAt)
	confined(t, root, nil, args...).ready(t, "http://"+bankAt+"/v1/status")
	environ := []string{"AUTHPROBER_LISTEN=" + proberAt}
	for name, value := range prober.Environment {
		environ = append(environ, name+"="+strings.ReplaceAll(*value, "bank:8480", bankAt))
	}
	confined(t, root, environ, prober.Command...).ready(t, "http://"+proberAt+"/-/ready")

	health := exec.Command("/usr/bin/authprober", "health") // as the image's HEALTHCHECK
	health.Env, health.SysProcAttr = environ, nobodyIn(root)
	if out, err := health.CombinedOutput(); err != nil || string(out) != "healthy\n" {
		t.Errorf("the health check says %s, %v", out, err)
	}
	eventually(t, 30*time.Second, "a run that passed", func() error {
		metrics, err := get("http://" + proberAt + "/metrics")
		if err == nil && !strings.Contains(string(metrics), `authprober_runs_total{check="retail-login"} 1`) {
			err = fmt.Errorf("no run on /metrics")
		}
		if err == nil && !strings.Contains(string(metrics), `authprober_runs_failed_total{check="retail-login"} 0`) {
			t.Fatal("the run failed")
		}
		return err
	})
	breakAndMend(t, bankAt)
}

// breakAndMend runs the commands at the head of deploy/compose.yaml.
func breakAndMend(t *testing.T, bank string) {
	t.Helper()
	text, err := os.ReadFile(deployed("compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for line := range strings.Lines(string(text)) {
		command, ok := strings.CutPrefix(line, "#   curl ")
		if !ok {
			continue
		}
		command = "curl --fail --silent --show-error " + strings.ReplaceAll(command, "localhost:8480", bank)
		if out, err := exec.Command("bash", "-c", command).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", command, err, out)
		}
		ran++
	}
	if ran != 2 {
		t.Errorf("%d commands at the head of deploy/compose.yaml were run, want 2", ran)
	}
}

// furnish makes the root of the image, with what compose mounts.
func furnish(t *testing.T, root string) {
	t.Helper()
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", "usr", "usr/bin", "etc", "etc/authprober", "var", "var/lib", "var/lib/authprober"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		if err := os.Chown(filepath.Join(root, "var/lib/authprober"), nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{authprober(t): "usr/bin/authprober", deployed("compose", "retail-login.yaml"): "etc/authprober/retail-login.yaml"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, to), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// nobody is the image's USER.
const nobody = 65532

// nobodyIn has a process see root alone, as nobody. Whoever is not root has a namespace
// of users for that.
func nobodyIn(root string) *syscall.SysProcAttr {
	as := &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if uid := os.Getuid(); uid != 0 {
		as.Cloneflags = syscall.CLONE_NEWUSER
		as.UidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: uid, Size: 1}}
		as.GidMappings = []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getgid(), Size: 1}}
		as.Credential.NoSetGroups = true
	}
	return as
}

// confined starts the program in the root.
func confined(t *testing.T, root string, environ []string, args ...string) *process {
	t.Helper()
	return startAs(t, &exec.Cmd{Path: "/usr/bin/authprober", Args: append([]string{"authprober"}, args...),
		Env: append([]string{"PATH=/usr/bin"}, environ...), Dir: "/", SysProcAttr: nobodyIn(root)})
}

// replaced puts an address where the port of a container is.
func replaced(args []string, port, address string) []string {
	var all []string
	for _, a := range args {
		if a == port {
			a = address
		}
		all = append(all, a)
	}
	return all
}
