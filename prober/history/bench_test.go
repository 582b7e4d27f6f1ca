package history

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
)

var benchRuns = flag.Int("runs", 10_000_000, "how many runs the history of BenchmarkQueries has")

// fill puts runs of 50 checks into an empty history, one each 10 s of each check up to
// now, as quickly as SQLite can: 3 % of them failed, 24 sets of tags, 400 accounts.
// Sums are those of every bucket.
func fill(b *testing.B, s *Store, runs int, now time.Time) {
	db := s.db.Load()
	exec := func(query string, args ...any) {
		if _, err := db.Exec(query, args...); err != nil {
			b.Fatalf("%v: %s", err, query)
		}
	}
	db.SetMaxOpenConns(1)
	exec("PRAGMA synchronous = OFF")
	exec("PRAGMA cache_size = -400000")
	for i := range 50 {
		exec("INSERT INTO name (id, text) VALUES (?, ?)", i+1, fmt.Sprint("check-", i))
		for k := range 24 {
			tags := fmt.Sprintf(`{"backend":"b%d","release":"1.%d","remote":"192.0.2.%d:443"}`, k%4, k%2, k%3)
			exec("INSERT INTO tagset (id, check_id, tags) VALUES (?, ?, ?)", i*24+k+1, i+1, tags[:len(tags)-1]+fmt.Sprintf(`,"n":"%d"}`, k))
			for key, value := range map[string]string{"backend": fmt.Sprint("b", k%4), "release": fmt.Sprint("1.", k%2), "remote": fmt.Sprintf("192.0.2.%d:443", k%3)} {
				exec("INSERT INTO tag (key, value, tagset_id) VALUES (?, ?, ?)", key, value, i*24+k+1)
			}
		}
	}
	for i, name := range []string{"login", "code", "accounts", "status_5xx", "timeout"} {
		exec("INSERT INTO name (id, text) VALUES (?, ?)", 101+i, name)
	}
	for i := range 400 {
		exec("INSERT INTO name (id, text) VALUES (?, ?)", 1001+i, fmt.Sprint("retail-", i))
	}
	const chunk = 1_000_000
	first := now.Add(-time.Duration(runs/50) * 10 * time.Second).UnixMicro()
	for from := 0; from < runs; from += chunk {
		exec(`WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i+1 FROM n WHERE i+1 < ?2),
			r AS (SELECT i, ?3 + i * 200000 AS id, i % 50 AS c, (i * 7919 + i / 50 * 104729) % 1000003 AS x FROM n)
			INSERT INTO run (id, check_id, seq, start_us, lag_us, took_us, outcome, flags, step_id, reason_id, account_id, tagset_id, trace, evidence, detail)
			SELECT id, c + 1, i / 50, id - 300000, 1000, 300000, x % 100 < 3, 2, CASE WHEN x % 100 < 3 THEN 102 END,
				CASE WHEN x % 100 < 3 THEN 104 + x % 2 END, 1001 + x % 400, c * 24 + 1 + x % 24, randomblob(16), 0.001 * (x % 100),
				CASE WHEN x % 100 < 3 THEN 'want status == 200, got 503' END FROM r`, from, min(runs, from+chunk), first)
	}
	for _, width := range widths {
		var h histogram
		for i := range min(width/10, 60) {
			h.add(time.Duration(100+i*i) * time.Millisecond)
		}
		begin := first / 1e6
		if width == minute {
			begin = max(begin, now.Add(-minutesKept).Unix())
		}
		buckets := `WITH RECURSIVE t(at) AS (SELECT ?1 / ?2 * ?2 UNION ALL SELECT at + ?2 FROM t WHERE at < ?3), c(id) AS (SELECT 1 UNION ALL SELECT id+1 FROM c WHERE id < 50) `
		exec(buckets+`INSERT INTO bucket SELECT c.id, ?2, at, 300, 9, 0, 0, 1, 0.1, 0.05, 4000000, ?4 FROM c, t`, begin, width, now.Unix(), h.encode())
		exec(buckets+`, s(id) AS (VALUES (101), (102), (103)) INSERT INTO step_bucket SELECT c.id, ?2, at, s.id, 3, 4000000, ?4 FROM c, t, s`, begin, width, now.Unix(), h.encode())
		exec(buckets+`, k(n) AS (SELECT 0 UNION ALL SELECT n+1 FROM k WHERE n < 5), y(step, reason) AS (VALUES (0, 0), (102, 104))
			INSERT INTO cause SELECT c.id, ?2, at, (c.id - 1) * 24 + 1 + n, step, reason, 5 FROM c, t, k, y`, begin, width, now.Unix())
	}
	exec("INSERT INTO change (at_us, check_id, was, now, cause, evidence, failed, runs) SELECT id, check_id, 'healthy', 'suspect', 'rate', 0.2, 3, 100 FROM run WHERE id % 977 = 0 LIMIT 20000")
	exec("PRAGMA wal_checkpoint(TRUNCATE)")
	exec("PRAGMA cache_size = -2000")
	db.SetMaxOpenConns(8)
}

// BenchmarkQueries asks everything that a page asks of a history of 10 million runs, which
// takes minutes to make and 2 GB of room; -runs makes it smaller. It reports the median
// and the longest of each question.
func BenchmarkQueries(b *testing.B) {
	db, _, err := OpenFile(b.Context(), filepath.Join(b.TempDir(), FileName))
	if err != nil {
		b.Fatal(err)
	}
	s := storeOver(b, db, Options{File: FileName, Size: 1 << 40})
	now := time.Now()
	fill(b, s, *benchRuns, now)
	s.mu.Lock()
	s.last = RunID(now.UnixMicro())
	s.mu.Unlock()
	bytes, err := used(b.Context(), db)
	if err != nil {
		b.Fatal(err)
	}
	all := asked(s, now)
	all["overview"] = func(ctx context.Context) error {
		for i := range 50 {
			if _, err := s.Strip(ctx, fmt.Sprint("check-", i), 120); err != nil {
				return err
			}
		}
		return nil
	}
	all["failed steps"] = func(ctx context.Context) error {
		page, err := s.Runs(ctx, Filter{Check: "check-7", Outcome: prober.Failed, Limit: 1})
		if err == nil && len(page.Runs) == 1 {
			_, err = s.Run(ctx, page.Runs[0].ID)
		}
		return err
	}
	delete(all, "run")
	for _, name := range slices.Sorted(keysOf(all)) {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				if err := all[name](b.Context()); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, "ms-median")
			b.ReportMetric(float64(took[len(took)-1].Microseconds())/1e3, "ms-longest")
			b.ReportMetric(float64(bytes)/(1<<20), "MiB")
		})
	}
}

func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// BenchmarkObserve is what the store costs the goroutine that tells it of a run.
func BenchmarkObserve(b *testing.B) {
	s := inMemory(b, Options{})
	c := testCheck("login", "")
	judge, err := prober.NewJudge([]*prober.Check{c})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Attach(b.Context(), judge, []*prober.Check{c}); err != nil {
		b.Fatal(err)
	}
	r := passed(c, 1, time.Now())
	b.ReportAllocs()
	for b.Loop() {
		s.ObserveRun(r)
	}
}

// BenchmarkWrite is what it costs to write a run: many in a transaction, and five, as
// those of ten runs a second are.
func BenchmarkWrite(b *testing.B) {
	for _, kind := range []struct {
		name  string
		batch int
	}{{"passed", 1000}, {"failed", 1000}, {"passed", 5}, {"failed", 5}} {
		name := kind.name
		b.Run(fmt.Sprintf("%s/%d", name, kind.batch), func(b *testing.B) {
			s := inFile(b, filepath.Join(b.TempDir(), FileName), Options{})
			c := testCheck("login", "")
			at := time.Now()
			for i := 0; b.Loop(); i++ {
				r := passed(c, i, at.Add(time.Duration(i)*time.Second))
				if name == "failed" {
					r = failed(c, i, r.Start)
				}
				s.ObserveRun(r)
				if i%kind.batch == kind.batch-1 {
					if err := s.Flush(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			}
			if err := s.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	}
}
