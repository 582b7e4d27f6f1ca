package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver named sqlite
)

// holdBooks pauses the checks and compares the last scrape, the log and the bank; lets them
// go on, ends the daemon in the middle, and compares the log, the clock and the history.
func (s *soak) holdBooks(t *testing.T) {
	last := s.halted(t)
	s.holdIdentity(t, last)
	s.holdScrape(t, last)
	s.holdBank(t)
	if err := os.Remove(s.pause); err != nil {
		t.Fatal(err)
	}
	before := s.runs("")
	eventually(t, 3*time.Minute, "runs after the pause", func() error {
		if n := s.runs("") - before; n < 200 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	s.stopped = time.Now()
	s.daemon.stop(t)
	if code := s.daemon.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	s.holdClock(t, time.Now())
	s.holdHistory(t)
	s.log.look(func() {
		if len(s.log.leaked) > 0 {
			t.Errorf("%d lines of the log with a secret, such as %s", len(s.log.leaked), s.log.leaked[0])
		}
		t.Logf("the log: %v; runs failed by reason: %v; errored: %v", s.log.said, s.log.reasons, s.log.errors)
	})
}

// halted pauses all checks, and returns a scrape of when the last run is over.
func (s *soak) halted(t *testing.T) (last soakScrape) {
	if err := os.WriteFile(s.pause, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := -1
	eventually(t, 3*time.Minute, "all runs to end", func() error {
		last = soakMetrics(t, s.prober)
		n, leased := 0, 0
		counts, _ := last.counts()
		for _, c := range counts {
			n += c.due() - c.Missed["paused"]
		}
		for _, m := range last["authprober_accounts"].GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "state" && l.GetValue() == "leased" {
					leased += int(m.GetGauge().GetValue())
				}
			}
		}
		if n != before || leased > 0 {
			before = n
			time.Sleep(2 * time.Second)
			return fmt.Errorf("%d accounts in use", leased)
		}
		return nil
	})
	return last
}

// holdScrape holds the metrics of each check that was always there against the log.
func (s *soak) holdScrape(t *testing.T, last soakScrape) {
	counts, _ := last.counts()
	s.log.look(func() {
		for _, check := range s.config.steady {
			got, want := counts[check], s.log.of(check)
			if got == nil {
				t.Errorf("%s is not on the metrics", check)
				continue
			}
			missed := maps.Clone(want.Missed)
			if missed["paused"] < got.Missed["paused"] {
				t.Errorf("%s: paused %d times on the metrics and %d in the log", check, got.Missed["paused"], missed["paused"])
			}
			delete(missed, "paused") // the log goes on
			delete(got.Missed, "paused")
			if got.Passed != want.Passed || got.Failed != want.Failed || got.Errored != want.Errored || got.Aborted != want.Aborted || !maps.Equal(got.Missed, missed) {
				t.Errorf("%s: the metrics say %+v, the log %+v", check, *got, *want)
			}
		}
	})
}

// runs are all runs that the log has, at the edge, at the bank, or with "" both.
func (s *soak) runs(where string) (n int) {
	s.log.look(func() {
		for check, c := range s.log.counts {
			if where == "" || isEdge(check) == (where == "edge") {
				n += c.Passed + c.Failed + c.Errored + c.Aborted
			}
		}
	})
	return n
}

// holdBank holds the logins that the bank has counted against the runs in the log. No account
// was refused, and so none is locked.
func (s *soak) holdBank(t *testing.T) {
	text, err := get("http://" + s.bank + "/-/stats")
	if err != nil {
		t.Fatal(err)
	}
	var stats struct {
		Requests map[string]int
		Users    map[string]struct{ Attempts int }
		Total    struct{ Attempts, Refused, Logins, Logouts, Lockouts int }
	}
	if err := json.Unmarshal(text, &stats); err != nil {
		t.Fatal(err)
	}
	unsure := 0
	s.log.look(func() {
		unsure = s.log.unsure
		for check, c := range s.log.counts {
			if !isEdge(check) {
				unsure += c.Errored + c.Aborted
			}
		}
	})
	if runs, logins := s.runs("bank"), stats.Requests["login"]; logins > runs || logins < runs-unsure {
		t.Errorf("the bank has seen %d logins, and there were %d runs, %d of which may not have come to it", logins, runs, unsure)
	}
	if stats.Total.Refused != 0 || stats.Total.Lockouts != 0 {
		t.Errorf("the bank has refused %d credentials and locked %d accounts", stats.Total.Refused, stats.Total.Lockouts)
	}
	used := 0
	for _, u := range stats.Users {
		if u.Attempts > 0 {
			used++
		}
	}
	t.Logf("the bank has seen %d logins of %d customers, %d to their end, and %d logouts", stats.Requests["login"], used, stats.Total.Logins, stats.Total.Logouts)
}

// holdClock holds the due times of each check that was always there, as the log has them,
// against the time that has passed: from the start, or a little later, to the end.
func (s *soak) holdClock(t *testing.T, ended time.Time) {
	every := map[string]time.Duration{"retail": 50 * time.Millisecond, "refused": time.Second}
	s.log.look(func() {
		due, runs := 0, 0
		for _, check := range s.config.steady {
			e := every[check]
			switch {
			case e > 0:
			case isEdge(check):
				e = time.Second
			default:
				e = 2 * time.Second
			}
			c := s.log.of(check)
			n, least, most := c.due(), int(s.stopped.Sub(s.ready)/e)-1, int(ended.Sub(s.started)/e)+1
			if n < least || n > most {
				t.Errorf("%s: %d due times, want %d to %d, one each %v", check, n, least, most, e)
			}
			due, runs = due+n, runs+c.Passed+c.Failed+c.Errored+c.Aborted
			if made := c.Passed + c.Failed + c.Errored + c.Aborted; s.log.seqs[check] != uint64(made) {
				t.Errorf("%s: the last run was number %d of %d in the log", check, s.log.seqs[check], made)
			}
		}
		t.Logf("%d checks were always there: %d due times, %d runs", len(s.config.steady), due, runs)
	})
}

// holdHistory holds the sums on the disk against the log. Single runs are gone after twenty
// minutes or so for want of room, and sums by the hour after some hours.
func (s *soak) holdHistory(t *testing.T) {
	if time.Since(s.begun) > 2*time.Hour {
		return
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.state, "history.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), `SELECT check_name, sum(passed), sum(failed), sum(errored), sum(aborted), sum(missed), min(hour) FROM hours GROUP BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	stored, checks := 0, 0
	for rows.Next() {
		var check, hour string
		var n [5]int
		if err := rows.Scan(&check, &n[0], &n[1], &n[2], &n[3], &n[4], &hour); err != nil {
			t.Fatal(err)
		}
		if len(check) > 6 && check[:6] == "group:" {
			continue
		}
		var c soakCounts
		s.log.look(func() { c = *s.log.of(check) })
		missed := 0
		for _, m := range c.Missed {
			missed += m
		}
		if want := [5]int{c.Passed, c.Failed, c.Errored, c.Aborted, missed}; n != want {
			t.Errorf("%s: the history has passed, failed, errored, aborted and missed %v, the log %v", check, n, want)
		}
		checks++
		for _, some := range n {
			stored += some
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if want := len(s.log.counts); checks != want {
		t.Errorf("%d checks in the history, want %d", checks, want)
	}
	t.Logf("the history accounts for %d due times of %d checks", stored, checks)
}
