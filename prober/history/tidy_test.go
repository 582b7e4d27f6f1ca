package history

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
)

// Nothing is older than the age; sums by the minute go after two days.
func TestAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inFile(t, filepath.Join(t.TempDir(), FileName), Options{Age: 10 * 24 * time.Hour})
		c := testCheck("login", "")
		judge, err := prober.NewJudge([]*prober.Check{c}, s.ObserveStateChange)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for i := range 480 { // one an hour, for twenty days
			at := now.Add(-time.Duration(480-i) * time.Hour)
			r := passed(c, i, at)
			if i%3 == 0 {
				r = failed(c, i, at)
			}
			judge.ObserveRun(r)
			s.ObserveRun(r)
			s.ObserveMissed(prober.Missed{Check: c, Reason: prober.MissLate, N: 2, At: at})
		}
		for range 3 {
			time.Sleep(tidyEvery)
			settle(s)
		}
		for query, want := range map[string]int{
			"SELECT count(*) FROM run":                                                  240,
			"SELECT count(DISTINCT run_id) FROM step":                                   80,
			"SELECT count(*) FROM step WHERE run_id NOT IN (SELECT id FROM run)":        0,
			"SELECT count(*) FROM bucket WHERE width = 3600":                            240,
			"SELECT count(*) FROM bucket WHERE width = 60":                              48,
			"SELECT count(*) FROM cause WHERE width = 60":                               48,
			"SELECT count(DISTINCT at) FROM step_bucket WHERE width = 60":               48,
			"SELECT sum(n) FROM missed":                                                 2 * 240,
			"SELECT count(*) FROM change WHERE at_us < (SELECT min(id) FROM run)":       0,
			"SELECT count(*) FROM tagset WHERE id NOT IN (SELECT tagset_id FROM cause)": 0,
			"SELECT count(*) FROM tag WHERE tagset_id NOT IN (SELECT id FROM tagset)":   0,
		} {
			if got := count(t, s, query); got < want-2 || got > want+2 {
				t.Errorf("%s: got %d, want %d", query, got, want)
			}
		}
		oldest := s.Stats().Oldest
		if age := time.Since(oldest); age > 10*24*time.Hour+2*tidyEvery || age < 9*24*time.Hour {
			t.Errorf("the oldest is %v old", age)
		}
	})
}

// Where there is too much, the oldest runs that passed go, and failures are kept eight
// times as long; what is left is within the size.
func TestSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const runs, size = 12_000, 3 << 20
		for name, s := range map[string]*Store{
			"file":   inFile(t, filepath.Join(t.TempDir(), FileName), Options{Size: size}),
			"memory": inMemory(t, Options{Size: size}),
		} {
			c := testCheck("login", "")
			now := time.Now()
			for i := range runs {
				at := now.Add(-time.Duration(runs-i) * 30 * time.Second)
				r := passed(c, i, at)
				if i%20 == 0 {
					r = failed(c, i, at)
				}
				s.ObserveRun(r)
				if i%1000 == 0 {
					settle(s)
				}
			}
			for range 5 {
				time.Sleep(tidyEvery)
				settle(s)
			}
			stats := s.Stats()
			if stats.Bytes > size || stats.Bytes < size/2 || stats.Dropped+stats.WritesFailed > 0 {
				t.Errorf("%s: got %+v", name, stats)
			}
			oldest := func(outcome string) time.Duration {
				return now.Sub(RunID(count(t, s, "SELECT min(id) FROM run WHERE outcome = "+outcome)).Time())
			}
			passed, failed := oldest("0"), oldest("1")
			if passed > 150*time.Hour || failed < passed*11/10 {
				t.Errorf("%s: what passed is %v old, and what failed %v", name, passed, failed)
			}
			if n := count(t, s, "SELECT count(*) FROM run WHERE outcome = 0"); n < 100 {
				t.Errorf("%s: only %d runs that passed are left", name, n)
			}
			if n := count(t, s, "SELECT sum(passed) + sum(failed) FROM bucket WHERE width = 3600"); n < runs*9/10 {
				t.Errorf("%s: sums are of %d runs, want those of %d", name, n, runs)
			}
		}
	})
}

// Sums stay until their end is an age ago: of the hour that began then, most is younger.
func TestAgeIsOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := inMemory(t, Options{Age: time.Hour})
		c := testCheck("login", "")
		time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour + 55*time.Minute)))
		for i := range 60 {
			time.Sleep(10 * time.Second)
			s.ObserveRun(passed(c, i, time.Now()))
		}
		time.Sleep(tidyEvery)
		settle(s)
		if n := count(t, s, "SELECT sum(passed) FROM bucket WHERE width = 3600"); n != 60 {
			t.Errorf("the sums by the hour are of %d runs, want all 60 of the last ten minutes", n)
		}
	})
}

// Where all that there is was of one hour, and is too much, its sums stay: they are what
// accounts for every run.
func TestSumsOutliveRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const runs, size = 80_000, 1 << 20
		s := inMemory(t, Options{Size: size})
		c := testCheck("login", "")
		begin := time.Now().Truncate(time.Hour).Add(time.Hour + 10*time.Minute)
		time.Sleep(time.Until(begin))
		for i := range runs { // most of an hour, and some of the next
			time.Sleep(40 * time.Millisecond)
			s.ObserveRun(passed(c, i, time.Now()))
			if i%1000 == 0 {
				settle(s)
			}
		}
		for range 5 {
			time.Sleep(tidyEvery)
			settle(s)
		}
		if n := count(t, s, "SELECT count(*) FROM run"); n > runs*9/10 {
			t.Errorf("%d of %d runs are left: there was not too much", n, runs)
		}
		if n := count(t, s, "SELECT sum(passed) FROM bucket WHERE width = 3600"); n != runs {
			t.Errorf("the sums by the hour are of %d runs, want all %d", n, runs)
		}
		if n := count(t, s, "SELECT count(*) FROM bucket WHERE width = 60"); n < 3 {
			t.Errorf("the sums of %d minutes are left, want those of some", n)
		}
	})
}

// A file whose size is made smaller gets smaller.
func TestSizeMadeSmaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), FileName)
		s := inFile(t, path, Options{})
		c := testCheck("login", "")
		now := time.Now()
		for i := range 1500 {
			s.ObserveRun(failed(c, i, now.Add(-time.Duration(1500-i)*time.Second)))
			if i%500 == 0 {
				settle(s)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		was, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		const size = 256 << 10
		s = inFile(t, path, Options{Size: size})
		for range 10 {
			time.Sleep(tidyEvery)
			settle(s)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		is, err := os.Stat(path)
		if err != nil || was.Size() < 3*size || float64(is.Size()) > mayBeLarger*size+4096 {
			t.Errorf("it was %d bytes, and is %d, want %d or so: %v", was.Size(), is.Size(), size, err)
		}
	})
}

// A schema that was released is never changed, and each leads to the same as a fresh one.
func TestMigrations(t *testing.T) {
	schema := func(s *Store) string {
		var all []string
		err := s.reader().each(t.Context(), func(rows *sql.Rows) error {
			var text string
			err := rows.Scan(&text)
			all = append(all, text+";")
			return err
		}, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(all, "\n") + "\n"
	}
	fresh := schema(inMemory(t, Options{}))
	golden(t, "testdata/schema.sql", fresh)
	for version := range migrations {
		path := filepath.Join(t.TempDir(), FileName)
		old := migrations
		migrations = migrations[:version] // as that version was
		db, _, err := OpenFile(t.Context(), path)
		migrations = old
		if err != nil {
			t.Fatal(err)
		}
		if version > 0 {
			if _, err := OpenReadOnly(t.Context(), path); err == nil {
				t.Errorf("version %d is read as if it were the newest", version)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		s := inFile(t, path, Options{})
		if got := schema(s); got != fresh {
			t.Errorf("from version %d: got\n%s\nwant\n%s", version, got, fresh)
		}
		if got := count(t, s, "PRAGMA user_version"); got != len(migrations) {
			t.Errorf("from version %d: got version %d", version, got)
		}
	}
}

// golden compares a text with a file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s: got\n%s\nwant\n%s\n%v", path, got, want, err)
	}
}
