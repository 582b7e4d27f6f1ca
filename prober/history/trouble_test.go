package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/authprober/authprober/prober"
)

// A disk that is full: writes fail, are counted and logged once a minute, what they were
// to write waits, and when there is room again nothing is missing. What does not fit
// into the queue is counted, and nobody was held up.
func TestDiskFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		s := inFile(t, filepath.Join(t.TempDir(), FileName), Options{Log: zap.New(core)})
		s.db.Load().SetMaxOpenConns(1) // the limit is of a connection
		const most = 300
		s.most = most
		c := testCheck("login", "")
		tell := func(from, n int) {
			for i := range n {
				s.ObserveRun(failed(c, from+i, time.Now()))
			}
			settle(s)
		}
		tell(0, 10)
		limit(t, s, 1) // of pages: there is no room for more
		tell(10, 100)
		if stats := s.Stats(); stats.WritesFailed == 0 || stats.Dropped != 0 || !strings.Contains(stats.LastError, "full") {
			t.Fatalf("got %+v", stats)
		}
		failedOnce := s.Stats().WritesFailed
		tell(110, most)
		if stats := s.Stats(); stats.Dropped != 100 || stats.WritesFailed == failedOnce {
			t.Errorf("got %+v, want 100 dropped", stats)
		}
		if n := logs.Len(); n != 1 {
			t.Errorf("got %d lines of the log: %v", n, logs.All())
		}
		limit(t, s, 1<<30)
		settle(s)
		if n := count(t, s, "SELECT count(*) FROM run"); n != 10+most {
			t.Errorf("got %d runs, want %d", n, 10+most)
		}
		if n := count(t, s, "SELECT sum(failed) FROM bucket WHERE width = 3600"); n != 10+most {
			t.Errorf("got a sum of %d runs, want %d", n, 10+most)
		}
	})
}

func limit(t *testing.T, s *Store, pages int) {
	t.Helper()
	if _, err := s.db.Load().Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, s *Store, query string) (n int) {
	t.Helper()
	if err := s.db.Load().QueryRow(query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A file that is damaged while it is in use is set aside, and a new one begun that has
// what comes from then on, and what the judge knows.
func TestDamagedInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), FileName)
		var aside string
		s := inFile(t, path, Options{Renew: func(ctx context.Context) (db *sql.DB, err error) {
			db, aside, err = Begin(ctx, path)
			return db, err
		}})
		c := testCheck("login", "")
		judge, err := prober.NewJudge([]*prober.Check{c}, s.ObserveStateChange)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Attach(t.Context(), judge, []*prober.Check{c}); err != nil {
			t.Fatal(err)
		}
		tell := func(n int) {
			for i := range n {
				r := failed(c, i, time.Now())
				judge.ObserveRun(r)
				s.ObserveRun(r)
				time.Sleep(time.Minute)
			}
			settle(s)
		}
		tell(5)
		if _, err := s.db.Load().Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			t.Fatal(err)
		}
		spoil(t, path)
		s.db.Load().SetMaxIdleConns(0) // what is in memory is not believed any more
		tell(5)
		if aside == "" || !exists(aside) || s.Stats().WritesFailed == 0 {
			t.Fatalf("it was set aside as %q: %+v", aside, s.Stats())
		}
		tell(3)
		if n := count(t, s, "SELECT count(*) FROM run"); n < 3 {
			t.Errorf("the new one has %d runs", n)
		}
		if n := count(t, s, "SELECT count(*) FROM state"); n != 1 {
			t.Errorf("the new one has %d states", n)
		}
	})
}

// Where no new file can be begun either, such as on a disk that is full, what is to be
// written waits, and another is begun once it can be.
func TestDamagedAndNoneInstead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), FileName)
		full, asked := true, 0
		s := inFile(t, path, Options{Renew: func(ctx context.Context) (db *sql.DB, err error) {
			if asked++; full {
				return nil, errors.New("the disk is full")
			}
			db, _, err = Begin(ctx, path)
			return db, err
		}})
		c := testCheck("login", "")
		tell := func(n int) {
			for i := range n {
				s.ObserveRun(failed(c, i, time.Now()))
				time.Sleep(time.Second)
			}
			settle(s)
		}
		tell(5)
		if _, err := s.db.Load().Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			t.Fatal(err)
		}
		spoil(t, path)
		s.db.Load().SetMaxIdleConns(0)
		tell(30)
		if stats := s.Stats(); asked != 1 || stats.Dropped != 0 || !strings.Contains(stats.LastError, errGone.Error()) {
			t.Fatalf("it asked for %d new ones: %+v", asked, stats)
		}
		full = false
		tell(40) // the minute is over
		if n := count(t, s, "SELECT count(*) FROM run"); n != 70 || s.Stats().Dropped != 0 {
			t.Errorf("the new one has %d of 70 runs: %+v", n, s.Stats())
		}
	})
}

// spoil overwrites all but the first page.
func spoil(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(text); i++ {
		text[i] = 0x5a
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// What is no history is set aside, whatever it is, and its name says when.
func TestSetAside(t *testing.T) {
	other := func(t *testing.T, path, statements string) {
		db, err := sql.Open("sqlite", dsn(path, "rwc"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(statements); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, make := range map[string]func(t *testing.T, path string){
		"text":    func(t *testing.T, path string) { os.WriteFile(path, []byte(strings.Repeat("hello ", 1000)), 0o600) },
		"foreign": func(t *testing.T, path string) { other(t, path, "CREATE TABLE x (y)") },
		"theirs":  func(t *testing.T, path string) { other(t, path, "PRAGMA application_id = 7; CREATE TABLE x (y)") },
		"later": func(t *testing.T, path string) {
			other(t, path, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; CREATE TABLE x (y)", applicationID, len(migrations)+1))
		},
		"no runs": func(t *testing.T, path string) { // the schema can be read, and the table of runs cannot
			db, _, err := OpenFile(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			var page int
			if err := db.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = 'run'").Scan(&page); err != nil {
				t.Fatal(err)
			}
			db.Close()
			text, _ := os.ReadFile(path)
			copy(text[(page-1)*4096:page*4096], strings.Repeat("Z", 4096))
			os.WriteFile(path, text, 0o600)
		},
		"torn": func(t *testing.T, path string) {
			db, _, err := OpenFile(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			db.Close()
			spoil(t, path)
			text, _ := os.ReadFile(path)
			copy(text[100:], strings.Repeat("Z", 3000))
			os.WriteFile(path, text, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), FileName)
			make(t, path)
			was, _ := os.ReadFile(path)
			db, aside, err := OpenFile(t.Context(), path)
			if err != nil || aside == "" {
				t.Fatalf("set aside as %q: %v", aside, err)
			}
			defer db.Close()
			if is, _ := os.ReadFile(aside); string(is) != string(was) {
				t.Error("what is set aside is not what it was")
			}
			s := storeOver(t, db, Options{File: path})
			s.ObserveRun(passed(testCheck("login", ""), 1, time.Now()))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again, aside, err := OpenFile(t.Context(), path)
			if err != nil || aside != "" {
				t.Fatalf("the new one was set aside as %q: %v", aside, err)
			}
			defer again.Close()
			var n int
			if err := again.QueryRow("SELECT count(*) FROM runs").Scan(&n); err != nil || n != 1 {
				t.Errorf("the new one has %d runs: %v", n, err)
			}
		})
	}
}

// A file and what is beside it belong to nobody else, however it was found.
func TestFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s := inFile(t, path, Options{})
	s.ObserveRun(passed(testCheck("login", ""), 1, time.Now()))
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if err != nil || os.PathSeparator == '/' && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// An error of the disk that a reader meets is told, and one that is asked after the end.
func TestReadingAfterTheEnd(t *testing.T) {
	s := inMemory(t, Options{})
	c := testCheck("login", "")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.ObserveRun(passed(c, 1, time.Now()))
	if s.Stats().Dropped != 1 {
		t.Errorf("got %+v", s.Stats())
	}
	if _, err := s.Runs(t.Context(), Filter{}); err == nil {
		t.Error("no error")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
