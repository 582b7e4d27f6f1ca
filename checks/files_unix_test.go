//go:build unix

package checks

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What has the name of a flow and is no file is a mistake with its name, in a folder and by
// itself, and nobody waits for a writer.
func TestNoFile(t *testing.T) {
	dir := write(t, map[string]string{"a.yaml": flowNamed("a"), "folder.yaml/b.yaml": flowNamed("b"), "sub/c.yaml": flowNamed("c")})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir) // a socket's path is short
	socket, err := net.Listen("unix", "socket.yml")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := os.Symlink("../pipe.yaml", "sub/link.yaml"); err != nil {
		t.Fatal(err)
	}
	all := []string{
		"folder.yaml: cannot be read: it is a folder, want a regular file",
		"pipe.yaml: cannot be read: it is a named pipe, want a regular file",
		"socket.yml: cannot be read: it is a socket, want a regular file",
		"sub/link.yaml: cannot be read: it is a named pipe, want a regular file",
	}
	for _, test := range []struct {
		path string
		want []string
	}{
		{".", all}, {"sub", all[3:]}, {"pipe.yaml", all[1:2]}, {"socket.yml", all[2:3]}, {"sub/link.yaml", all[3:]},
		{"/dev/null", []string{"/dev/null: cannot be read: it is a device, want a regular file"}},
	} {
		_, err := Load([]string{test.path}, Options{})
		if diff := cmp.Diff(strings.Join(test.want, "\n"), fmt.Sprint(err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.path, diff)
		}
	}
	if _, err := openRegular("pipe.yaml"); err == nil {
		t.Error("it was opened")
	}
	if _, err := Load([]string{"sub/c.yaml", "a.yaml"}, Options{}); err != nil {
		t.Errorf("what is a file: %v", err)
	}
	flow := strings.Replace(flowNamed("d"), "target: http://127.0.0.1:1", "target: https://127.0.0.1:1\ntls: {ca: pipe.yaml}", 1)
	if err := os.WriteFile("d.yaml", []byte(flow), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load([]string{"d.yaml"}, Options{}); err == nil || !strings.Contains(err.Error(), "it is a named pipe, want a regular file") {
		t.Errorf("certificates from a pipe: %v", err)
	}
}

// A shell's <(command) is a pipe that is open already, and is read.
func TestDescriptor(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString(flowNamed("piped")); err != nil {
		t.Fatal(err)
	}
	w.Close()
	c, err := Load([]string{fmt.Sprintf("/dev/fd/%d", r.Fd())}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"piped"}, names(c)); diff != "" {
		t.Error(diff)
	}
}
