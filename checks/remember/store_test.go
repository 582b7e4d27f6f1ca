package remember_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/checks/remember"
)

var (
	ann  = remember.Account{Pool: "retail", Name: "ann"}
	bert = remember.Account{Pool: "retail", Name: "bert"}
	noon = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
)

func value(json string) remember.Value {
	return remember.Value{JSON: secret.New(json), Since: noon}
}

// texts makes values comparable, and printable by tests.
func texts(values map[string]remember.Value) map[string]string {
	all := map[string]string{}
	for name, v := range values {
		all[name] = v.JSON.Reveal() + " since " + v.Since.Format(time.RFC3339Nano)
	}
	return all
}

func newIdentity(t testing.TB) string {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

func parseKey(t testing.TB, lines ...string) remember.Key {
	t.Helper()
	key, err := remember.ParseKey(strings.Join(lines, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func open(t testing.TB, dir string, key remember.Key) *remember.Store {
	t.Helper()
	s, err := remember.Open(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t testing.TB, s *remember.Store, a remember.Account, values map[string]remember.Value) {
	t.Helper()
	if err := s.Put(a, values); err != nil {
		t.Fatal(err)
	}
}

func holds(t testing.TB, s *remember.Store, a remember.Account, want map[string]remember.Value) {
	t.Helper()
	got, err := s.Get(a)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(texts(want), texts(got)); diff != "" {
		t.Errorf("of %v (-want +got):\n%s", a, diff)
	}
}

// everyStore runs a test with each kind of store. again closes the store and
// opens it anew, where it outlives that.
func everyStore(t *testing.T, test func(t *testing.T, s *remember.Store, again func() *remember.Store)) {
	t.Run("memory", func(t *testing.T) {
		s := remember.NewMemory()
		test(t, s, func() *remember.Store { return s })
	})
	for name, key := range map[string]remember.Key{"plain": {}, "encrypted": parseKey(t, newIdentity(t))} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, key)
			test(t, s, func() *remember.Store {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = open(t, dir, key)
				return s
			})
		})
	}
}

func TestStore(t *testing.T) {
	everyStore(t, func(t *testing.T, s *remember.Store, again func() *remember.Store) {
		holds(t, s, ann, nil)
		first := map[string]remember.Value{
			"token": value(`"a<b>&c \u2028"`), "number": value("9007199254740993"), "nothing": value("null"),
			"object": value(`{"b":[1.0,true],"a":"é"}`),
		}
		put(t, s, ann, first)
		put(t, s, bert, map[string]remember.Value{"token": value(`"of bert"`)})
		holds(t, s, ann, first)
		s = again()
		holds(t, s, ann, first)

		// Others stay, those of the same name are replaced.
		put(t, s, ann, map[string]remember.Value{"token": value(` [ 1,  "x y" ] `), "new": value("2")})
		want := maps.Clone(first)
		want["token"], want["new"] = value(`[1,"x y"]`), value("2")
		holds(t, s, ann, want)
		holds(t, again(), ann, want)

		s = again()
		taken, err := s.Take(ann, "token", "never", "token")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(texts(map[string]remember.Value{"token": want["token"]}), texts(taken)); diff != "" {
			t.Error(diff)
		}
		delete(want, "token")
		holds(t, s, ann, want)
		holds(t, again(), ann, want)

		s = again()
		if err := s.Delete(ann, "new", "number", "nothing", "object"); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(ann); err != nil {
			t.Error(err)
		}
		holds(t, s, ann, nil)
		s = again()
		holds(t, s, ann, nil)
		holds(t, s, bert, map[string]remember.Value{"token": value(`"of bert"`)})
	})
}

// TestGetIsACopy changes what Get returned: the store must not notice.
func TestGetIsACopy(t *testing.T) {
	everyStore(t, func(t *testing.T, s *remember.Store, _ func() *remember.Store) {
		put(t, s, ann, map[string]remember.Value{"a": value("1")})
		got, err := s.Get(ann)
		if err != nil {
			t.Fatal(err)
		}
		got["b"] = value("2")
		delete(got, "a")
		holds(t, s, ann, map[string]remember.Value{"a": value("1")})
	})
}

func TestIncrement(t *testing.T) {
	everyStore(t, func(t *testing.T, s *remember.Store, again func() *remember.Store) {
		for i, step := range []struct{ first, want uint64 }{
			{0, 0}, {0, 1}, {0, 2}, // from its start
			{57, 57}, {57, 58}, {0, 59}, // raised, and never back
			{math.MaxInt64 - 1, math.MaxInt64 - 1}, {0, math.MaxInt64},
		} {
			got, err := s.Increment(ann, "n", step.first, noon)
			if err != nil || got != step.want {
				t.Fatalf("step %d: got %d and %v, want %d", i, got, err, step.want)
			}
			s = again()
			holds(t, s, ann, map[string]remember.Value{"n": value(fmt.Sprint(step.want))})
		}
		for _, first := range []uint64{0, math.MaxUint64} {
			if n, err := s.Increment(ann, "n", first, noon); err == nil || !strings.Contains(err.Error(), "at its end") {
				t.Errorf("beyond the end: got %d and %v", n, err)
			}
		}
		holds(t, s, ann, map[string]remember.Value{"n": value(fmt.Sprint(math.MaxInt64))})
	})
}

func TestIncrementOfNoCounter(t *testing.T) {
	for _, json := range []string{`"7"`, "-1", "1.0", "1e3", "null", "18446744073709551615", "[1]"} {
		s := remember.NewMemory()
		put(t, s, ann, map[string]remember.Value{"n": value(json)})
		n, err := s.Increment(ann, "n", 0, noon)
		const want = `remembering for account "ann" of pool "retail": counter "n": what is remembered is no counter`
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %d and %v", json, n, err)
		}
		holds(t, s, ann, map[string]remember.Value{"n": value(json)})
	}
}

// TestLimits puts too much, and nothing of it may arrive.
func TestLimits(t *testing.T) {
	many := map[string]remember.Value{}
	for i := range remember.MaxValues {
		many[fmt.Sprint(i)] = value("0")
	}
	largest := value(`"` + strings.Repeat("x", remember.MaxSize-2) + `"`)
	tests := map[string]struct {
		account remember.Account
		values  map[string]remember.Value
		want    string
	}{
		"too large":      {ann, map[string]remember.Value{"a": value("1"), "big": value(`"` + strings.Repeat("x", remember.MaxSize-1) + `"`)}, `value "big": it has more than 65536 bytes`},
		"huge":           {ann, map[string]remember.Value{"big": value(strings.Repeat(" ", 1<<20) + "1")}, `value "big": it has more than 65536 bytes`},
		"one too many":   {ann, map[string]remember.Value{"one more": value("1")}, "more than 100 values of one account"},
		"no JSON":        {ann, map[string]remember.Value{"a": value("sesame")}, `value "a": it is not a JSON text`},
		"no JSON at all": {ann, map[string]remember.Value{"a": {Since: noon}}, `value "a": it is not a JSON text`},
		"two":            {ann, map[string]remember.Value{"a": value("1 2")}, `value "a": it is not a JSON text`},
		"no UTF-8":       {ann, map[string]remember.Value{"a": value("\"\xff\"")}, `value "a": it is not a JSON text`},
		"no name":        {ann, map[string]remember.Value{"": value("1")}, `value "": want a name that is not empty`},
		"a year":         {ann, map[string]remember.Value{"a": {JSON: secret.New("1"), Since: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}}, `value "a": its time is beyond what RFC 3339 can write`},
		"no account":     {remember.Account{Pool: "retail"}, nil, "want a name that is not empty"},
		"no pool":        {remember.Account{Name: "ann"}, nil, "want a name that is not empty"},
		"long account":   {remember.Account{Pool: "p", Name: strings.Repeat("x", 1025)}, nil, "want a name of at most 1024 bytes"},
		"account":        {remember.Account{Pool: "p", Name: "\xff"}, nil, "want a name that is valid UTF-8"},
	}
	everyStore(t, func(t *testing.T, s *remember.Store, again func() *remember.Store) {
		put(t, s, ann, many)
		put(t, s, bert, map[string]remember.Value{"largest": largest})
		for name, test := range tests {
			err := s.Put(test.account, test.values)
			if err == nil || !strings.HasSuffix(err.Error(), test.want) || strings.Contains(err.Error(), "sesame") {
				t.Errorf("%s: got %.300v, want %s", name, err, test.want)
			}
		}
		for range 2 {
			holds(t, s, ann, many)
			holds(t, s, bert, map[string]remember.Value{"largest": largest})
			s = again()
		}
	})
}

// TestConcurrency has many goroutines count for few accounts: no number twice, and
// none left out.
func TestConcurrency(t *testing.T) {
	everyStore(t, func(t *testing.T, s *remember.Store, again func() *remember.Store) {
		const goroutines, each = 8, 5
		var wg sync.WaitGroup
		var mu sync.Mutex
		seen := map[remember.Account]map[uint64]bool{ann: {}, bert: {}}
		for g := range goroutines {
			wg.Go(func() {
				a := []remember.Account{ann, bert}[g%2]
				for range each {
					n, err := s.Increment(a, "n", 1, noon)
					if err == nil {
						err = s.Put(a, map[string]remember.Value{fmt.Sprint(g): value("0")})
					}
					if _, getting := s.Get(a); err != nil || getting != nil {
						t.Error(err, getting)
					}
					mu.Lock()
					if seen[a][n] {
						t.Errorf("%v has %d twice", a, n)
					}
					seen[a][n] = true
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		s = again()
		for a, numbers := range seen {
			values, err := s.Get(a)
			if want := goroutines / 2 * each; err != nil || len(numbers) != want || values["n"].JSON.Reveal() != fmt.Sprint(want) {
				t.Errorf("%v: %d numbers, %v", a, len(numbers), err)
			}
			if len(values) != 1+goroutines/2 {
				t.Errorf("%v has %d values", a, len(values))
			}
		}
	})
}

func TestClosed(t *testing.T) {
	everyStore(t, func(t *testing.T, s *remember.Store, _ func() *remember.Store) {
		for range 2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		_, getting := s.Get(ann)
		_, counting := s.Increment(ann, "n", 0, noon)
		for _, err := range []error{getting, counting, s.Put(ann, nil), s.Delete(ann)} {
			if err == nil || !strings.HasSuffix(err.Error(), "the store is closed") {
				t.Errorf("got %v", err)
			}
		}
	})
}

// TestNothingPrints formats what holds values in every way.
func TestNothingPrints(t *testing.T) {
	id := newIdentity(t)
	key := parseKey(t, id)
	s := open(t, t.TempDir(), key)
	put(t, s, ann, map[string]remember.Value{"token": value(`"sesame-4711"`)})
	values, err := s.Get(ann)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text := fmt.Sprintf(verb+verb+verb+verb, values, key, &key, values["token"])
		for _, bad := range []string{"sesame", "736573616d65", id, "AGE-SECRET"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s prints %s", verb, text)
			}
		}
	}
}

// TestFiles looks at what is on the disk, where names are strange.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, remember.Key{})
	names := []string{
		"../../../etc/passwd", "..", ".", "/", `C:\x`, "a b", "Ann", "ann", "ANN", "con", "nul", "com1", "é", "e\u0301",
		".lock", "x.json", "x", "x.json.age", "%41nn", "~", "\x00", "\n", strings.Repeat("ü", 500),
		strings.Repeat("ü", 499) + "u", strings.Repeat("a", 1024),
	}
	for _, pool := range names {
		put(t, s, remember.Account{Pool: pool, Name: "ann"}, map[string]remember.Value{"pool": value("1")})
	}
	for i, name := range names {
		put(t, s, remember.Account{Pool: "p", Name: name}, map[string]remember.Value{"i": value(fmt.Sprint(i))})
	}
	for i, name := range names {
		holds(t, s, remember.Account{Pool: "p", Name: name}, map[string]remember.Value{"i": value(fmt.Sprint(i))})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, remember.Key{})
	if w := s.Warnings(); len(w) > 0 {
		t.Errorf("warnings: %q", w)
	}
	for i, name := range names {
		holds(t, s, remember.Account{Pool: "p", Name: name}, map[string]remember.Value{"i": value(fmt.Sprint(i))})
	}
	folded := map[string]bool{}
	files := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		lower := strings.ToLower(rel)
		if rel != lower || folded[lower] || !strings.HasPrefix(rel, "remember") || len(d.Name()) > 200 {
			t.Errorf("there is %q", rel)
		}
		folded[lower] = true
		if d.Type().IsRegular() && d.Name() != ".lock" {
			files++
		}
		return err
	})
	if err != nil || files != 2*len(names) {
		t.Errorf("%d files, %v", files, err)
	}
}

func TestFileModes(t *testing.T) {
	if !hasModes {
		t.Skip("there are no file modes here")
	}
	dir := t.TempDir()
	s := open(t, dir, remember.Key{})
	put(t, s, ann, map[string]remember.Value{"a": value("1")})
	paths := map[string]os.FileMode{
		"remember": 0o700, "remember/.lock": 0o600, "remember/retail": 0o700, "remember/retail/ann.json": 0o600,
	}
	modes := func() {
		t.Helper()
		for path, want := range paths {
			info, err := os.Stat(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != want {
				t.Errorf("%s has mode %04o, want %04o", path, got, want)
			}
		}
	}
	modes()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for path, mode := range paths {
		if err := os.Chmod(filepath.Join(dir, path), mode|0o044); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, dir, remember.Key{})
	paths["remember/.lock"] = 0o644 // it is empty
	modes()
	want := "others than its owner had rights in %q (mode %04o); it is %04o now, but they may have read secrets in it"
	if diff := cmp.Diff([]string{
		fmt.Sprintf(want, filepath.Join(dir, "remember"), 0o744, 0o700),
		fmt.Sprintf(want, filepath.Join(dir, "remember/retail"), 0o744, 0o700),
		fmt.Sprintf(want, filepath.Join(dir, "remember/retail/ann.json"), 0o644, 0o600),
	}, s.Warnings()); diff != "" {
		t.Error(diff)
	}
	holds(t, s, ann, map[string]remember.Value{"a": value("1")})
}

func TestOpenWithoutFolder(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "state")
	for path, want := range map[string]error{missing: os.ErrNotExist, os.Args[0]: nil} {
		s, err := remember.Open(path, remember.Key{})
		if s != nil || err == nil || want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	s, err := remember.Open("", remember.Key{})
	if err != nil || s.Durable() {
		t.Errorf("without a folder: got %v", err)
	}
}
