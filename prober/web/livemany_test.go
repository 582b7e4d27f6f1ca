package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
)

// manyLive are pages of 5,000 checks that run every 10 s and have done so for 20 minutes, one in 100 of
// which failed one run, and the names of the 500 that have run in one second.
func manyLive(t testing.TB) (p *pages, names []string) {
	t.Helper()
	now := time.Now()
	var checks []*prober.Check
	for i := range 5000 {
		c := *testOptions500
		c.Name = fmt.Sprintf("flow-%04d-of-the-bank", i)
		c.Labels = map[string]string{"team": []string{"identity", "payments", "cards"}[i%3], "severity": "page"}
		checks = append(checks, &c)
		if i%10 == 3 {
			names = append(names, c.Name)
		}
	}
	judge, err := prober.NewJudge(checks)
	if err != nil {
		t.Fatal(err)
	}
	recent := NewRecent(checks, nil)
	for i, c := range checks {
		for n := range stripLength {
			r := &prober.Run{Check: c, Start: now.Add(time.Duration(n-stripLength) * 10 * time.Second), Took: time.Duration(i) * time.Microsecond, Outcome: prober.Passed}
			if r.Due = r.Start; i%100 == 0 && n == 60 {
				r.Outcome, r.Steps = prober.Failed, []prober.StepResult{{Name: "login", Reason: prober.ReasonStatus5xx, Detail: "want status == 200, got 503"}}
			}
			judge.ObserveRun(r)
			recent.ObserveRun(r)
		}
	}
	p = newPages(Options{Recent: recent, Checks: func() []prober.CheckStatus { return judge.All(now) }, Ready: func() bool { return true }})
	p.told = true
	return p, names
}

// messageOf is what the page of a query is told of the checks.
func messageOf(p *pages, names []string, query string, packs bool) []byte {
	b := &broadcaster{touched: p.touched, generation: p.generation, rows: p.rows, shown: p.shown}
	r := httptest.NewRequest("GET", "/live?"+query, nil)
	if packs {
		r.Header.Set("Accept-Encoding", "gzip")
	}
	c := b.newClient(r)
	return b.message(c, names, time.Now(), b.render(names, []*liveClient{c}))
}

// TestLiveOf5000Checks: a page is told of the rows that it has, and of those in trouble that belong on it;
// and what is packed is the same.
func TestLiveOf5000Checks(t *testing.T) {
	p, names := manyLive(t)
	plain := messageOf(p, names, "", false)
	packed := messageOf(p, names, "", true)
	t.Logf("500 of 5,000 checks in a second: %d bytes to a page, packed %d", len(plain), len(packed))
	if rows := bytes.Count(plain, []byte(`"id":"check-flow-`)); rows < 50 || rows > 70 {
		t.Errorf("a page of %d rows is told of %d", mostRows, rows)
	}
	if len(packed) > 20_000 {
		t.Errorf("a page is told %d bytes in a second, want at most 20,000", len(packed))
	}
	unpacked, err := gzip.NewReader(io.MultiReader(bytes.NewReader(gzipHead), bytes.NewReader(packed), bytes.NewReader(packed)))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 2*len(plain))
	n, err := io.ReadFull(unpacked, got)
	if text := string(got[:n]); err != nil || strings.Count(text, "event: checks\n") != 2 || !strings.HasSuffix(text, "\n\n") {
		t.Errorf("two packed messages are %d bytes, %v", n, err)
	}
}

// TestLiveShows: which rows a page is told of.
func TestLiveShows(t *testing.T) {
	p, _ := manyLive(t)
	for query, want := range map[string]struct {
		names        int
		whole, moves bool
	}{
		"":                  {mostRows + partSlack, true, true},
		"page=2":            {mostRows + 2*partSlack, false, true},
		"page=10":           {mostRows + partSlack, false, true},
		"team=cards":        {mostRows + partSlack, false, true},
		"team=cards&page=4": {166 + partSlack, false, true},
		"team=nobody":       {0, false, false},
		"state=firing":      {0, false, true},
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if names, whole, moves := p.shown(q); len(names) != want.names || whole != want.whole || moves != want.moves || names == nil {
			t.Errorf("%s: %d names, %v, %v, want %+v", query, len(names), whole, moves, want)
		}
	}
	c := &liveClient{shown: map[string]bool{"a": true}, whole: true}
	for _, test := range []struct {
		name string
		rank int
		want bool
	}{{"a", rankHealthy, true}, {"b", rankHealthy, false}, {"b", rankFiring, true}, {"b", rankHealthy, true}, {"c", rankHealthy, false}} {
		if got := c.wants(test.name, test.rank); got != test.want {
			t.Errorf("%s of the rank %d: %v", test.name, test.rank, got)
		}
	}
}

// TestLivePageThatComesBack: a page of a part of the checks comes again, and others go on.
func TestLivePageThatComesBack(t *testing.T) {
	p, names := manyLive(t)
	b := &broadcaster{touched: p.touched, generation: p.generation, rows: p.rows, shown: p.shown}
	r := httptest.NewRequest("GET", "/live?page=2", nil)
	r.Header.Set("Last-Event-ID", "1")
	if got := string(b.message(b.newClient(r), names, time.Now(), nil)); !strings.Contains(got, "event: replaced\n") {
		t.Errorf("got %.100s", got)
	}
}

// BenchmarkLive is what a second costs with 5,000 checks that run every 10 s, and as many pages open
// as its name says.
func BenchmarkLive(b *testing.B) {
	p, names := manyLive(b)
	for _, open := range []int{1, 20, mostClients} {
		b.Run(fmt.Sprint(open), func(b *testing.B) {
			all := &broadcaster{touched: p.touched, generation: p.generation, rows: p.rows, shown: p.shown, clients: map[*liveClient]struct{}{}}
			r := httptest.NewRequest("GET", "/live", nil)
			r.Header.Set("Accept-Encoding", "gzip")
			for range open {
				all.clients[all.newClient(r)] = struct{}{}
			}
			told := 0
			for b.Loop() {
				all.tell(names, time.Now())
				for c := range all.clients {
					told += len(<-c.messages)
				}
			}
			b.ReportMetric(float64(told)/float64(b.N*open), "B/page")
		})
	}
}
