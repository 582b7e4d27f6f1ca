//go:build !windows

package remember_test

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/authprober/authprober/checks/remember"
)

func init() {
	roles["full"], roles["readonly"] = full, readOnly
}

// unprivileged is whom a test becomes that root's rights would spoil.
const unprivileged = 65534

// TestNoRoom and TestReadOnly run in processes of their own, for they change
// limits and rights.
func TestNoRoom(t *testing.T)   { runRole(t, "full") }
func TestReadOnly(t *testing.T) { runRole(t, "readonly") }

func runRole(t *testing.T, role string) {
	dir := t.TempDir()
	if os.Getuid() == 0 {
		if err := os.Chown(dir, unprivileged, unprivileged); err != nil {
			t.Fatal(err)
		}
		// Folders above are the test's own, of mode 0700.
		if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := child(t, role, dir, "").CombinedOutput(); err != nil || string(out) != "well\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// failing sees to it that each kind of change fails with an error that says why
// and nothing of the value, and that the store goes by what was before.
func failing(s *remember.Store, before remember.Value, why error) error {
	large := remember.Value{JSON: value(`"sesame` + strings.Repeat("x", 60<<10) + `"`).JSON, Since: noon}
	var errs []error
	check := func(what string, err error) {
		switch {
		case err == nil:
			errs = append(errs, fmt.Errorf("%s went well", what))
		case !errors.Is(err, why) || !strings.Contains(err.Error(), `ann.json": `) || strings.Contains(err.Error(), "sesame"):
			errs = append(errs, fmt.Errorf("%s: %w", what, err))
		}
	}
	check("putting", s.Put(ann, map[string]remember.Value{"more": large}))
	_, err := s.Increment(ann, "n", 0, noon)
	check("counting", err)
	check("deleting", s.Delete(ann, "n"))
	values, err := s.Get(ann)
	if err != nil || len(values) != 2 || !values["n"].JSON.Equal(before.JSON) {
		errs = append(errs, fmt.Errorf("there are %d values now, %w", len(values), err))
	}
	return errors.Join(errs...)
}

// full has a limit of the size of files stand for a disk without room: the write
// ends in the middle.
func full() error {
	s, err := openInChild()
	if err != nil {
		return err
	}
	large := value(`"` + strings.Repeat("x", 60<<10) + `"`)
	if err := s.Put(ann, map[string]remember.Value{"n": value("7"), "large": large}); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = 50 << 10
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := failing(s, value("7"), unix.EFBIG); err != nil {
		return err
	}
	if left, err := filepath.Glob(os.Getenv("REMEMBER_DIR") + "/remember/retail/*"); len(left) != 1 || err != nil {
		return fmt.Errorf("left are %q", left)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	return goesOn(s)
}

func readOnly() error {
	if os.Getuid() == 0 {
		if err := syscall.Setuid(unprivileged); err != nil {
			return err
		}
	}
	dir := os.Getenv("REMEMBER_DIR")
	s, err := openInChild()
	if err != nil {
		return err
	}
	if err := s.Put(ann, map[string]remember.Value{"n": value("7"), "b": value("1")}); err != nil {
		return err
	}
	pool := filepath.Join(dir, "remember/retail")
	if err := os.Chmod(pool, 0o500); err != nil {
		return err
	}
	if err := failing(s, value("7"), unix.EACCES); err != nil {
		return err
	}
	if err := os.Chmod(pool, 0o700); err != nil {
		return err
	}
	if err := goesOn(s); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}

	// Where not even the lock can be made.
	other := filepath.Join(dir, "other")
	if err := os.Mkdir(other, 0o500); err != nil {
		return err
	}
	_, err = remember.Open(other, remember.Key{})
	want := fmt.Sprintf("opening the state directory %q: making the folder %q: permission denied", other, other+"/remember")
	if err == nil || err.Error() != want {
		return fmt.Errorf("got %v, want %s", err, want)
	}
	return nil
}

// goesOn counts on, now that it is possible again.
func goesOn(s *remember.Store) error {
	n, err := s.Increment(ann, "n", 0, noon)
	if err != nil || n != 8 {
		return fmt.Errorf("then the counter is %d, %w", n, err)
	}
	fmt.Println("well")
	return nil
}
