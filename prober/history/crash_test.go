package history

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// killedVariable makes the test binary what TestKilled kills: its value is the file.
const killedVariable = "AUTHPROBER_TEST_HISTORY"

// killedRole records runs, each third of which failed, as fast as it can, and says after
// each write which runs it has been told were written, and what the judge knew then at the
// least. It never returns.
func killedRole(path string) {
	ctx := context.Background()
	c := testCheck("login", "")
	c.Objective.Blip = 0
	fail := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	db, aside, err := OpenFile(ctx, path)
	fail(err)
	if aside != "" {
		fail(fmt.Errorf("set aside as %s", aside))
	}
	s, err := New(ctx, db, Options{File: path})
	fail(err)
	var judge *prober.Judge
	judge, err = prober.NewJudge([]*prober.Check{c}, s.ObserveStateChange)
	fail(err)
	fail(s.Attach(ctx, judge, []*prober.Check{c}))
	status := judge.Status(c, time.Now())
	fmt.Println("begun", status.State, status.Evidence)
	for i := 1; ; {
		var last RunID
		for range 25 {
			r := passed(c, i, time.Now())
			if i%3 == 0 {
				r = failed(c, i, r.Start)
			}
			r.Took = 0
			judge.ObserveRun(r)
			s.ObserveRun(r)
			s.mu.Lock()
			last = s.last
			s.mu.Unlock()
			i++
		}
		fail(s.Flush(ctx))
		fmt.Println("wrote", last, judge.Status(c, time.Now()).State)
	}
}

// A process that is killed a hundred times while it writes leaves a file that is whole,
// and has every run that it knew to be written; the judge goes on from there.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts many processes")
	}
	path := filepath.Join(inShm(t), FileName)
	state, before := "healthy", RunID(0)
	for i := range kills {
		last, began := killOne(t, path, i%7)
		if began != state && state == "firing" {
			t.Fatalf("process %d began %s, and the one before was %s", i, began, state)
		}
		db, err := OpenReadOnly(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		var ok string
		var missing, there int
		if err := db.QueryRow("PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
			t.Fatalf("process %d: the file is %q: %v", i, ok, err)
		}
		if err := db.QueryRow("SELECT count(*) FROM run WHERE id = ?", int64(last)).Scan(&there); err != nil || last != 0 && there != 1 {
			t.Fatalf("process %d: run %d is missing: %v", i, last, err)
		}
		// Runs of a process are numbered without a gap: none before the last is missing.
		if err := db.QueryRow(`SELECT count(*) FROM (SELECT seq - lag(seq) OVER (ORDER BY id) AS step, seq FROM run WHERE id > ?)
			WHERE step <> 1 AND seq <> 1`, int64(before)).Scan(&missing); err != nil || missing > 0 {
			t.Fatalf("process %d: %d gaps: %v", i, missing, err)
		}
		state, before = stateAfter(t, db), last
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if state != "firing" {
		t.Errorf("a check of which each third run failed is %s", state)
	}
}

// stateAfter is what the judge held the check to be, which has to be that of the last
// run: both were written in one transaction.
func stateAfter(t *testing.T, db *sql.DB) string {
	t.Helper()
	var state string
	var behind int
	err := db.QueryRow("SELECT json_extract(snapshot, '$.detector.state') FROM state").Scan(&state)
	if err == sql.ErrNoRows {
		return "healthy"
	}
	if err == nil {
		err = db.QueryRow("SELECT (SELECT max(start_us + took_us) FROM run) - (SELECT max(at_us) FROM state)").Scan(&behind)
	}
	if err != nil || behind != 0 {
		t.Fatalf("the state is %d microseconds behind the runs: %v", behind, err)
	}
	return state
}

// killOne starts a process and kills it after so many writes that it tells of, at once
// for none. It returns the last run that it knew to be written, and the state in which
// it began.
func killOne(t *testing.T, path string, writes int) (last RunID, began string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), killedVariable+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var state string
		var evidence float64
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "begun"):
			_, err = fmt.Sscan(strings.TrimPrefix(line, "begun "), &began, &evidence)
		case strings.HasPrefix(line, "wrote"):
			_, err = fmt.Sscan(strings.TrimPrefix(line, "wrote "), &last, &state)
			writes--
		default:
			err = fmt.Errorf("it says %q", line)
		}
		if err != nil {
			t.Fatal(err)
		}
		if writes <= 0 {
			break
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // what it told before it was killed stands
		if _, err := fmt.Sscanf(lines.Text(), "wrote %d", &last); err != nil {
			break
		}
	}
	_ = cmd.Wait() // it was killed
	return last, began
}

// inShm is a folder in memory where there is one: nobody pulls a plug here, and syncing
// a disk some hundred times takes long.
func inShm(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "authprober-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A restarted judge has its last runs and its blame too.
func TestAttach(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	checks := []*prober.Check{testCheck("login", "both"), testCheck("status", "both")}
	begin := func() (*Store, *prober.Judge) {
		db, _, err := OpenFile(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(t.Context(), db, Options{File: path})
		if err != nil {
			t.Fatal(err)
		}
		judge, err := prober.NewJudge(checks, s.ObserveStateChange)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Attach(t.Context(), judge, checks); err != nil {
			t.Fatal(err)
		}
		return s, judge
	}
	s, judge := begin()
	at := time.Now().Add(-time.Hour)
	for i := range 300 {
		at = at.Add(10 * time.Second)
		r := passed(checks[i%2], i, at)
		if i > 200 && i%3 == 0 {
			r = failed(checks[i%2], i, at)
		}
		judge.ObserveRun(r)
		s.ObserveRun(r)
	}
	all := append([]*prober.Check{judge.Groups()[0]}, checks...)
	want := map[string]prober.CheckStatus{}
	for _, c := range all {
		want[c.Name] = judge.Status(c, at)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, judge = begin()
	defer s.Close()
	for _, c := range all {
		got, want := judge.Status(c, at), want[c.Name]
		if got.State != detect.Firing || got.Evidence != want.Evidence || !got.Since.Equal(want.Since) || !got.ChangePoint.Equal(want.ChangePoint) {
			t.Errorf("%s: got %v since %v with %v, want %v since %v with %v", c.Name, got.State, got.Since, got.Evidence, want.State, want.Since, want.Evidence)
		}
		if got.BlameText() != want.BlameText() {
			t.Errorf("%s: blames %q, want %q", c.Name, got.BlameText(), want.BlameText())
		}
		if strings.HasPrefix(c.Name, "group:") {
			continue
		}
		if !strings.Contains(got.BlameText(), "backend=b3") {
			t.Errorf("%s: blames %q", c.Name, got.BlameText())
		}
		if got.LastRun == nil || got.LastRun.Seq != want.LastRun.Seq || got.LastFailed == nil ||
			got.LastFailed.FailedStep().Detail != want.LastFailed.FailedStep().Detail || !got.LastPass.Equal(want.LastPass) {
			t.Errorf("%s: got the runs %+v and %+v", c.Name, got.LastRun, got.LastFailed)
		}
	}
	changes, err := s.Changes(t.Context(), "login", time.Time{}, time.Time{}, 0)
	if err != nil || len(changes) == 0 || changes[0].To != detect.Firing || changes[0].Run == 0 || changes[0].Reason != prober.ReasonStatus5xx {
		t.Errorf("got the changes %+v: %v", changes, err)
	}
	every, err := s.Changes(t.Context(), "", time.Time{}, time.Time{}, 0)
	if err != nil || len(every) <= len(changes) {
		t.Errorf("got %d changes of all, and %d of one: %v", len(every), len(changes), err)
	}
	var paged []Change // a check and its group may change at once, and none of the two is left out
	for cursor, ok := (ChangeCursor{}), true; ok; {
		page, err := s.ChangePage(t.Context(), "", time.Time{}, time.Time{}, cursor, 1)
		if err != nil || len(page.Changes) != 1 || len(paged) > len(every) {
			t.Fatalf("got %+v: %v", page, err)
		}
		paged = append(paged, page.Changes...)
		if cursor, ok = ParseChangeCursor(page.Next.String()); !ok {
			t.Fatalf("%q is no cursor", page.Next)
		}
		ok = cursor != ChangeCursor{}
	}
	if !reflect.DeepEqual(paged, every) {
		t.Errorf("page by page there are %d changes, want %d", len(paged), len(every))
	}
}

// A check that a reload takes away goes on where it was when another brings it back,
// whether or not what it was is written yet, and nobody is told of a change.
func TestReloadBringsBack(t *testing.T) {
	s := inMemory(t, Options{})
	checks := []*prober.Check{testCheck("login", ""), testCheck("status", "")}
	told := 0
	judge, err := prober.NewJudge(checks, s.ObserveStateChange, func(prober.StateChange) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Attach(t.Context(), judge, checks); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	for i := range 40 {
		for _, c := range checks {
			r := failed(c, i, at.Add(time.Duration(i)*10*time.Second))
			judge.ObserveRun(r)
			s.ObserveRun(r)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	reload := func(checks ...*prober.Check) {
		judge.ReplaceChecks(checks)
		s.ReplaceChecks(checks)
	}
	was, before := judge.Status(checks[0], time.Now()), told
	reload(checks[1])
	reload(checks...)
	is := judge.Status(checks[0], time.Now())
	if is.State != detect.Firing || is.Evidence != was.Evidence || !is.Since.Equal(was.Since) || is.LastFailed == nil || is.Ratio(time.Hour) != was.Ratio(time.Hour) {
		t.Errorf("got %v since %v with %v, want %v since %v with %v", is.State, is.Since, is.Evidence, was.State, was.Since, was.Evidence)
	}
	if told != before {
		t.Errorf("it told of %d changes", told-before)
	}
	other := *checks[1]
	other.Objective.Detect *= 2
	was = judge.Status(checks[1], time.Now())
	reload(checks[0], &other) // the judge has it fire on, and so it does
	if got := judge.Status(&other, time.Now()); was.State != detect.Firing || got.State != detect.Firing || !got.Since.Equal(was.Since) || got.Recovery != 0 {
		t.Errorf("another objective: got %v since %v, want %v since %v", got.State, got.Since, was.State, was.Since)
	}
}
