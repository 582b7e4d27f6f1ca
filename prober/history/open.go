package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// FileName is the name of the file below the state directory.
const FileName = "history.db"

// OpenFile opens the history in a file, which only its owner can read, and begins it if
// there is none. A file that is damaged, of another program or of a later version is
// moved to the name that setAside tells, with its log, and a new one begun. The
// directory must be there, and nobody else may write to the file.
func OpenFile(ctx context.Context, path string) (db *sql.DB, setAside string, err error) {
	db, err = openFile(ctx, path)
	if err == nil || !isBroken(err) {
		return db, "", err
	}
	why := err
	if db, setAside, err = Begin(ctx, path); err != nil {
		err = fmt.Errorf("%w; and %w", why, err)
	}
	return db, setAside, err
}

// Begin moves the file away, whatever is in it, and begins a new one. The old one must
// not be open; that there is none is fine. Where no new one can be begun nothing is left
// of it, so that it may be tried again.
func Begin(ctx context.Context, path string) (db *sql.DB, setAside string, err error) {
	if setAside, err = putAside(path, time.Now()); err != nil {
		return nil, setAside, fmt.Errorf("setting the history aside: %w", err)
	}
	if db, err = openFile(ctx, path); err != nil {
		for _, end := range []string{"", "-wal", "-shm"} {
			os.Remove(path + end) // there is nothing in it
		}
	}
	return db, setAside, err
}

func openFile(ctx context.Context, path string) (*sql.DB, error) {
	// SQLite gives the files beside it the same mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the history: %w", err)
	}
	err = private(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("opening the history: %w", err)
	}
	if err := look(ctx, path); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn(path, "rw", "busy_timeout(5000)", "auto_vacuum(INCREMENTAL)", // which is for an empty file alone
		"journal_mode(WAL)", "synchronous(FULL)", "journal_size_limit(16777216)"))
	if err != nil {
		return nil, fmt.Errorf("opening the history: %w", err)
	}
	db.SetMaxOpenConns(8) // one writes
	if err := migrate(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the history: %w", err), db.Close())
	}
	return db, nil
}

// look sees whose file it is, before anything is written to it. Only that it is none of
// ours, or damaged, is an error.
func look(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", dsn(path, "ro"))
	if err != nil {
		return nil
	}
	if _, err = versionOf(ctx, db); err == nil {
		_, err = lastOf(ctx, db) // it may be damaged beyond its schema; that there is no table yet is fine
	}
	if closed := db.Close(); !isBroken(err) {
		return nil
	} else if closed != nil {
		return errors.Join(err, closed)
	}
	return err
}

// private sees to it that nobody else has rights in the file.
func private(f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is no regular file")
	case runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0:
		return nil
	}
	return f.Chmod(info.Mode().Perm() & 0o700)
}

// OpenMemory opens a history that ends with the process.
func OpenMemory(ctx context.Context) (*sql.DB, error) {
	db, err := sql.Open("sqlite", ":memory:?_txlock=immediate&_pragma=auto_vacuum(INCREMENTAL)")
	if err != nil {
		return nil, fmt.Errorf("opening a history in memory: %w", err)
	}
	db.SetMaxOpenConns(1) // each connection would have a memory of its own
	db.SetConnMaxLifetime(0)
	if err := migrate(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("opening a history in memory: %w", err), db.Close())
	}
	return db, nil
}

// OpenReadOnly opens a history to be read, while a daemon may write to it.
func OpenReadOnly(ctx context.Context, path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("opening the history: %w", err)
	}
	db, err := sql.Open("sqlite", dsn(path, "ro", "busy_timeout(5000)", "query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("opening the history: %w", err)
	}
	version, err := versionOf(ctx, db)
	if err == nil && version < len(migrations) {
		err = fmt.Errorf("it is of version %d, want %d: the daemon that writes it brings it there", version, len(migrations))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the history %q: %w", path, err), db.Close())
	}
	return db, nil
}

func dsn(path, mode string, pragmas ...string) string {
	q := url.Values{"mode": {mode}, "_pragma": pragmas, "_txlock": {"immediate"}}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if path = filepath.ToSlash(path); path[0] != '/' { // C:/…
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// isBroken reports whether a file is what no other attempt will read.
func isBroken(err error) bool {
	if errors.Is(err, errForeign) || errors.Is(err, errNewer) {
		return true
	}
	code := codeOf(err)
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// codeOf is the primary result code of SQLite's error; 0 where it is none.
func codeOf(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// mayPass reports whether a write that failed may be tried again.
func mayPass(err error) bool {
	if errors.Is(err, errGone) {
		return true
	}
	switch codeOf(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
		sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOLFS:
		return true
	}
	return false
}

// putAside moves a file, and its log with it, to a name that says when.
func putAside(path string, now time.Time) (aside string, err error) {
	if !exists(path) {
		return "", nil
	}
	base := path + ".broken-" + now.UTC().Format("20060102T150405Z")
	aside = base
	for n := 2; exists(aside); n++ {
		aside = fmt.Sprintf("%s-%d", base, n)
	}
	if err := os.Rename(path, aside); err != nil {
		return "", err
	}
	for _, end := range []string{"-wal", "-shm"} {
		if err := os.Rename(path+end, aside+end); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return aside, err
		}
	}
	return aside, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
