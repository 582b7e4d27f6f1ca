package web

import (
	"fmt"
	"strings"
	"testing"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// TestOverviewOfMany shows 1,100 checks of two teams on pages of 500, trouble first
// wherever its name would have it.
func TestOverviewOfMany(t *testing.T) {
	opts := testOptions(t)
	opts.Checks = func() (all []prober.CheckStatus) {
		for i := range 1100 {
			team := "blue"
			if i >= 1075 {
				team = "red"
			}
			all = append(all, prober.CheckStatus{Check: &prober.Check{Name: fmt.Sprintf("check-%04d", i), Labels: map[string]string{"team": team}}})
		}
		all[1099].State = detect.Firing
		return all
	}
	h := Handler(opts)
	for _, c := range []struct {
		path, first, last string
		rows              int
		has, hasNot       []string
	}{
		{"/", "check-1099", "check-0498", 500, []string{"1 to 500 of 1100", `href="/?page=2" rel="next"`, "data-whole", "check-1099 is firing"}, []string{`rel="prev"`}},
		{"/?page=2", "check-0499", "check-0998", 500, []string{"501 to 1000 of 1100", `href="/" rel="prev"`, `href="/?page=3" rel="next"`, "check-1099 is firing"}, []string{"data-whole"}},
		{"/?page=3", "check-0999", "check-1098", 100, []string{"1001 to 1100 of 1100", `href="/?page=2" rel="prev"`}, []string{`rel="next"`}},
		{"/?page=99", "check-0999", "check-1098", 100, nil, nil},
		{"/?page=-1", "check-1099", "check-0498", 500, nil, nil},
		{"/?page=x", "check-1099", "check-0498", 500, nil, nil},
		{"/?team=blue&page=2", "check-0500", "check-0999", 500, []string{"501 to 1000 of 1075", `href="/?page=3&amp;team=blue" rel="next"`, `href="/?team=red"`}, nil},
		{"/?team=red", "check-1099", "check-1098", 25, nil, []string{`rel="next"`, "data-whole"}},
		{"/?team=green", "", "", 0, []string{"No check is like that"}, nil},
	} {
		body := request(h, "GET", c.path, "").Body.String()
		rows := strings.Split(body, `<li class="check `)[1:]
		if len(rows) != c.rows {
			t.Errorf("%s: got %d rows, want %d", c.path, len(rows), c.rows)
			continue
		}
		if c.rows > 0 && (!strings.Contains(rows[0], `id="`+"check-"+c.first+`"`) || !strings.Contains(rows[c.rows-1], `id="`+"check-"+c.last+`"`)) {
			t.Errorf("%s: got from %.60s to %.60s", c.path, rows[0], rows[c.rows-1])
		}
		for _, text := range c.has {
			if !strings.Contains(body, text) {
				t.Errorf("%s: no %s", c.path, text)
			}
		}
		for _, text := range c.hasNot {
			if strings.Contains(body, text) {
				t.Errorf("%s: %s", c.path, text)
			}
		}
	}
}
