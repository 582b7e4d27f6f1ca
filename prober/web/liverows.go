package web

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// partSlack is how many rows before and after a part of the overview are told to its page too: what
// comes or goes while it is on its way moves others in or out.
const partSlack = 50

// A liveRows is what the overview is told over its stream.
type liveRows struct {
	Title   string    `json:"title"`
	Class   string    `json:"class"`
	Summary string    `json:"summary"`
	Rows    []liveRow `json:"rows"`
}

type liveRow struct {
	ID   string `json:"id"`
	HTML string `json:"html"`

	name string
	rank int
}

// of is the message with the rows that the page of a client has.
func (l *liveRows) of(c *liveClient) []byte {
	m := *l
	m.Rows = nil
	for _, r := range l.Rows {
		if c.wants(r.name, r.rank) {
			m.Rows = append(m.Rows, r)
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // it is no part of a page
	e.Encode(m)            // strings alone, which always can be
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// rows makes what the overview shows of those of the checks anew that are wanted.
func (p *pages) rows(names []string, wanted func(name string, rank int) bool) (*liveRows, error) {
	now, all := time.Now(), p.opts.Checks()
	sum := newSummary(all, now)
	message := &liveRows{Title: sum.Head + " · authprober", Class: "summary " + sum.Class}
	var b bytes.Buffer
	if err := p.templates["overview"].ExecuteTemplate(&b, "summary", sum); err != nil {
		return nil, err
	}
	message.Summary = b.String()
	slices.Sort(names)
	for i := range all {
		name := all[i].Check.Name
		if _, touched := slices.BinarySearch(names, name); !touched {
			continue
		}
		rank := rankOf(&all[i], now)
		if !wanted(name, rank) {
			continue
		}
		b.Reset()
		if err := p.templates["overview"].ExecuteTemplate(&b, "row", p.newRow(&all[i], now, len(all) <= manyChecks)); err != nil {
			return nil, err
		}
		message.Rows = append(message.Rows, liveRow{"check-" + name, b.String(), name, rank})
	}
	return message, nil
}

// shown are the checks whose rows the overview of a query has, or may have had a moment ago; nil
// for all. Whole says that any check in trouble belongs on it, and moves that another state of a check
// has it on another page.
func (p *pages) shown(query url.Values) (names map[string]bool, whole, moves bool) {
	now, all := time.Now(), p.opts.Checks()
	shown := chosen(all, query)
	part := newPart(len(shown), query)
	whole = part.From <= 1 && len(shown) == len(all)
	moves = part.From > 1 || part.To < part.Of || query.Get("state") != ""
	if whole && !moves {
		return nil, true, false
	}
	since := now
	if ms, err := strconv.ParseInt(query.Get("since"), 10, 64); err == nil {
		since = time.UnixMilli(ms)
	}
	sortByTrouble(shown, now)
	names = map[string]bool{}
	for i := range shown {
		near := i >= part.From-1-partSlack && i < part.To+partSlack
		if near || !shown[i].Since.IsZero() && !shown[i].Since.Before(since) {
			names[shown[i].Check.Name] = true
		}
	}
	for i := range all { // those that have left the choice since the page was made
		if s := &all[i]; query.Get("state") != "" && !s.Since.IsZero() && !s.Since.Before(since) {
			names[s.Check.Name] = true
		}
	}
	return names, whole, moves
}
