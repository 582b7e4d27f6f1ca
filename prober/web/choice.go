package web

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/authprober/authprober/prober"
)

// A part is which of the checks a page of the overview has, and the way to the others.
type part struct {
	From, To, Of     int // from the first one, which is 1; 0 of 0
	Earlier, Further string
	Whole            bool // any check in trouble belongs on it
}

// newPart is the part that the query asks for, or the last one there is.
func newPart(n int, query url.Values) part {
	last := max(1, (n+mostRows-1)/mostRows)
	page, _ := strconv.Atoi(query.Get("page")) // what is no number is the first one
	page = min(max(page, 1), last)
	p := part{From: min((page-1)*mostRows+1, n), To: min(page*mostRows, n), Of: n}
	if page > 1 {
		p.Earlier = with(query, "page", pageNumber(page-1))
	}
	if page < last {
		p.Further = with(query, "page", pageNumber(page+1))
	}
	return p
}

// pageNumber is a page in a query, in which the first one is not said.
func pageNumber(page int) string {
	if page == 1 {
		return ""
	}
	return strconv.Itoa(page)
}

// chosen are the checks that the query asks for.
func chosen(all []prober.CheckStatus, query url.Values) []prober.CheckStatus {
	var shown []prober.CheckStatus
	for _, s := range all {
		if is(query, "group", s.Check.Group) && is(query, "team", s.Check.Labels["team"]) && is(query, "state", s.State.String()) {
			shown = append(shown, s)
		}
	}
	return shown
}

func is(query url.Values, name, value string) bool {
	want := query.Get(name)
	return want == "" || want == value
}

func sortByTrouble(all []prober.CheckStatus, now time.Time) {
	slices.SortStableFunc(all, func(a, b prober.CheckStatus) int {
		return cmp.Or(cmp.Compare(rankOf(&a, now), rankOf(&b, now)), cmp.Compare(a.Check.Name, b.Check.Name))
	})
}

// filters are those that tell checks apart: by group and by team.
func filters(all []prober.CheckStatus, query url.Values) (fs []filter) {
	for _, by := range []struct {
		name string
		of   func(*prober.Check) string
	}{
		{"group", func(c *prober.Check) string { return c.Group }},
		{"team", func(c *prober.Check) string { return c.Labels["team"] }},
	} {
		var values []string
		for _, s := range all {
			if v := by.of(s.Check); v != "" && !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		if len(values) == 0 || len(values) == 1 && query.Get(by.name) == "" && len(fs) == 0 && by.name == "team" {
			continue
		}
		slices.Sort(values)
		f := filter{Name: by.name, Choices: []choice{{"all", with(query, by.name, ""), query.Get(by.name) == ""}}}
		for _, v := range values {
			f.Choices = append(f.Choices, choice{v, with(query, by.name, v), query.Get(by.name) == v})
		}
		fs = append(fs, f)
	}
	return fs
}

// with is the path of the overview with one of its filters changed.
func with(query url.Values, name, value string) string {
	q := url.Values{}
	for _, known := range []string{"group", "team", "state"} {
		if v := query.Get(known); v != "" {
			q.Set(known, v)
		}
	}
	q.Set(name, value)
	if value == "" {
		q.Del(name)
	}
	if len(q) == 0 {
		return "/"
	}
	return "/?" + q.Encode()
}
