package remember_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/remember"
)

const hasModes = runtime.GOOS != "windows"

// roles are what the test binary does instead of tests, by the environment
// variable REMEMBER_ROLE.
var roles = map[string]func() error{"writer": writer}

func TestMain(m *testing.M) {
	if role := os.Getenv("REMEMBER_ROLE"); role != "" {
		if err := roles[role](); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child is the test binary in a role, with a folder and a key.
func child(t *testing.T, role, dir, identity string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "REMEMBER_ROLE="+role, "REMEMBER_DIR="+dir, "REMEMBER_KEY="+identity)
	return cmd
}

func openInChild() (*remember.Store, error) {
	var key remember.Key
	if text := os.Getenv("REMEMBER_KEY"); text != "" {
		var err error
		if key, err = remember.ParseKey(text); err != nil {
			return nil, err
		}
	}
	return remember.Open(os.Getenv("REMEMBER_DIR"), key)
}

// writer counts until it is killed, and says each number when the store has
// acknowledged it: first two values in one Put, as long as the number is large,
// then the counter.
func writer() error {
	s, err := openInChild()
	if err != nil {
		return err
	}
	for {
		n, err := s.Increment(ann, "n", 1, noon)
		if err != nil {
			return err
		}
		fmt.Println("n", n)
		twin := value(`"` + strings.Repeat(fmt.Sprintf("%d.", n), int(n*997%3000)) + `"`)
		if err := s.Put(ann, map[string]remember.Value{"a": twin, "b": twin, "of": value(fmt.Sprint(n))}); err != nil {
			return err
		}
		fmt.Println("put", n)
	}
}

// TestKill kills a process that writes, many times, at any moment: each time all
// that was acknowledged must be there, at most one change more, and nothing by
// halves. Half-way a key comes into use.
func TestKill(t *testing.T) {
	dir, identity := t.TempDir(), ""
	counter, puts := uint64(0), uint64(0)
	for kill := range 50 {
		if kill == 20 {
			identity = newIdentity(t)
		}
		counted, written := killOne(t, dir, identity, rand.IntN(20))
		counter, puts = max(counter, counted), max(puts, written)

		var key remember.Key
		if identity != "" {
			key = parseKey(t, identity)
		}
		s := open(t, dir, key) // the lock has ended with the process
		if w := s.Warnings(); len(w) > 0 {
			t.Fatalf("kill %d: warnings %q", kill, w)
		}
		values, err := s.Get(ann)
		if err != nil {
			t.Fatalf("kill %d: %v", kill, err)
		}
		n := number(t, values, "n")
		of := number(t, values, "of")
		if n < counter || n > counter+1 {
			t.Fatalf("kill %d: the counter is %d, and %d was acknowledged", kill, n, counter)
		}
		if of < puts || of > n {
			t.Fatalf("kill %d: the values are of %d, and those of %d were acknowledged", kill, of, puts)
		}
		want := strings.Repeat(fmt.Sprintf("%d.", of), int(of*997%3000))
		for _, name := range []string{"a", "b"} {
			if of > 0 && values[name].JSON.Reveal() != `"`+want+`"` {
				t.Fatalf("kill %d: %s is not as it was put", kill, name)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		counter = n
	}
	t.Logf("%d numbers in 50 processes", counter)
}

// killOne starts a writer, kills it when it has said some lines, and returns
// the last numbers that it said.
func killOne(t *testing.T, dir, identity string, lines int) (counted, written uint64) {
	t.Helper()
	cmd := child(t, "writer", dir, identity)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := 0
	if lines == 0 {
		cmd.Process.Kill() // while it opens
	}
	for s := bufio.NewScanner(out); s.Scan(); said++ {
		if said == lines {
			cmd.Process.Kill()
		}
		kind, text, _ := strings.Cut(s.Text(), " ")
		n, err := strconv.ParseUint(text, 10, 64)
		switch {
		case err == nil && kind == "n":
			counted = n
		case err == nil && kind == "put":
			written = n
		default:
			t.Fatalf("the writer says %q", s.Text())
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() >= 0 && hasModes {
		t.Fatalf("the writer ended by itself: %v", err)
	}
	return counted, written
}

func number(t *testing.T, values map[string]remember.Value, name string) uint64 {
	t.Helper()
	if _, ok := values[name]; !ok {
		return 0
	}
	n, err := strconv.ParseUint(values[name].JSON.Reveal(), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestLock opens a folder that this process and then another one has open.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	inUse := func() {
		t.Helper()
		s, err := remember.Open(dir, remember.Key{})
		want := fmt.Sprintf("opening the state directory %q: another authprober uses it; each needs one of its own", dir)
		if s != nil || err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	s := open(t, dir, remember.Key{})
	inUse()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, remember.Key{})
	inUse()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	cmd := child(t, "writer", dir, "")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	if !scanner.Scan() {
		t.Error("the writer says nothing")
	}
	inUse()
	cmd.Process.Kill()
	for scanner.Scan() {
	}
	cmd.Wait()
	open(t, dir, remember.Key{})
}
