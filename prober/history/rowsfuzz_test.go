package history

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
)

// FuzzHistogram reads any bytes as a histogram: what is read of them is written and read as the
// same again, and its quantiles rise.
func FuzzHistogram(f *testing.F) {
	var h histogram
	for _, d := range []time.Duration{0, time.Microsecond, time.Millisecond, time.Second, 11 * time.Hour, math.MaxInt64} {
		h.add(d)
	}
	f.Add(h.encode())
	f.Add([]byte{})
	f.Add([]byte{0x80})
	f.Add([]byte{255, 1, 1})
	f.Add([]byte{5, 1, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1})
	f.Add([]byte{0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, b []byte) {
		var h, again histogram
		h.decode(b)
		again.decode(h.encode())
		if again != h || !bytes.Equal(again.encode(), h.encode()) {
			t.Fatalf("%x is read as %v, and then as %v", b, h.counts, again.counts)
		}
		h.longest = time.Hour
		if q := h.quantiles(); q.N < 0 || q.P50 > q.P95 || q.P95 > q.P99 || q.P99 > q.Max {
			t.Fatalf("%x has the quantiles %+v", b, q)
		}
	})
}

// FuzzRows has anything stand where the history keeps JSON: each question has an answer or an
// error, also after it, and a check is restored or begins afresh.
func FuzzRows(f *testing.F) {
	c := testCheck("login", "")
	checks := []*prober.Check{c}
	s := inMemory(f, Options{})
	judge, err := prober.NewJudge(checks)
	if err == nil {
		err = s.Attach(f.Context(), judge, checks)
	}
	if err != nil {
		f.Fatal(err)
	}
	start := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	for i := range 3 {
		run := failed(c, i, start.Add(time.Duration(i)*10*time.Second))
		judge.ObserveRun(run)
		s.ObserveRun(run)
	}
	if err := s.Flush(f.Context()); err != nil {
		f.Fatal(err)
	}
	var snapshot, tags, exchange string
	row := s.db.Load().QueryRow("SELECT (SELECT snapshot FROM state), (SELECT tags FROM tagset LIMIT 1), (SELECT exchange FROM step WHERE exchange IS NOT NULL LIMIT 1)")
	if err := row.Scan(&snapshot, &tags, &exchange); err != nil {
		f.Fatal(err)
	}
	f.Add(snapshot, tags, exchange)
	f.Add("", "", "")
	f.Add("{}", "{}", "{}")
	f.Add("[]", "[]", "[]")
	f.Add("null", "null", "null")
	f.Add(`{"version":1,"at":"x"}`, `{"backend":1}`, `{"Header":[{"Name":1}]}`)
	f.Add("\xff", "{\"\xff\":\"\xff\"}", "\x00")
	db := s.db.Load()
	f.Fuzz(func(t *testing.T, snapshot, tags, exchange string) {
		for query, text := range map[string]string{"UPDATE state SET snapshot = ?": snapshot,
			"UPDATE tagset SET tags = ? WHERE id = (SELECT min(id) FROM tagset)": tags, "UPDATE step SET exchange = ? WHERE exchange IS NOT NULL": exchange} {
			if _, err := db.Exec(query, text); err != nil {
				t.Fatal(err)
			}
		}
		ctx := t.Context()
		page, err := s.Runs(ctx, Filter{Check: "login"})
		if err == nil && len(page.Runs) != 3 {
			t.Fatalf("%d runs, want 3", len(page.Runs))
		}
		whole := err == nil
		for _, r := range page.Runs {
			d, err := s.Run(ctx, r.ID)
			if whole = whole && err == nil; err == nil && d.ID != r.ID {
				t.Fatalf("asked for %d, got %d", r.ID, d.ID)
			}
		}
		told := 0
		if _, err := Replay(ctx, db, "login", func(*Past) error { told++; return nil }); (err == nil) != (told == 3) {
			t.Fatalf("replayed %d runs, and %v", told, err)
		}
		if _, err := s.Causes(ctx, "login", start, start.Add(time.Hour)); err != nil && told == 3 {
			t.Fatalf("the tags can be read and causes cannot: %v", err)
		}
		s.mu.Lock()
		clear(s.states)
		s.mu.Unlock()
		if _, err := s.restore(ctx, judge, c, start.Add(time.Minute)); err != nil && whole && told == 3 {
			t.Fatalf("nothing but the state is damaged, and %v", err)
		}
		if e := judge.Status(c, start.Add(time.Minute)).Evidence; math.IsNaN(e) || e < 0 {
			t.Fatalf("the evidence is %v", e)
		}
	})
}
