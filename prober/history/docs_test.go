package history

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
)

var (
	sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?)```")
	section  = regexp.MustCompile(`(?s)\*\*(\w+)\*\*:(.*?)\n\n`)
	column   = regexp.MustCompile("`(\\w+)`")
)

// docs/history.md names every column of every view, and its questions have answers.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/history.md")
	if err != nil {
		t.Fatal(err)
	}
	s := inFile(t, filepath.Join(t.TempDir(), FileName), Options{})
	c := testCheck("retail-login", "")
	c.Objective.Blip = 0
	judge, err := prober.NewJudge([]*prober.Check{c}, s.ObserveStateChange)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Attach(t.Context(), judge, []*prober.Check{c}); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		r := failed(c, i, time.Now().Add(-time.Duration(100-i)*time.Second))
		judge.ObserveRun(r)
		s.ObserveRun(r)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, m := range section.FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = m[2]
	}
	views := 0
	for _, name := range viewsOf(t, s) {
		views++
		for _, want := range columnsOf(t, s, name) {
			if !strings.Contains(documented[name], "`"+want+"`") {
				t.Errorf("docs/history.md does not say what %s.%s is", name, want)
			}
		}
	}
	if views != len(documented) {
		t.Errorf("there are %d views, and %d are documented", views, len(documented))
	}
	blocks := sqlBlock.FindAllStringSubmatch(string(text), -1)
	for _, b := range blocks {
		if n := count(t, s, "SELECT count(*) FROM ("+strings.TrimSuffix(strings.TrimSpace(b[1]), ";")+")"); n == 0 {
			t.Errorf("no row answers\n%s", b[1])
		}
	}
	if len(blocks) < 4 || len(column.FindAllString(documented["runs"], -1)) < 15 {
		t.Errorf("only %d questions were found", len(blocks))
	}
}

func viewsOf(t *testing.T, s *Store) (names []string) {
	return texts(t, s, "SELECT name FROM sqlite_schema WHERE type = 'view'")
}

func columnsOf(t *testing.T, s *Store, view string) []string {
	return texts(t, s, "SELECT name FROM pragma_table_info('"+view+"')")
}

func texts(t *testing.T, s *Store, query string) (all []string) {
	t.Helper()
	rows, err := s.db.Load().Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	return all
}
