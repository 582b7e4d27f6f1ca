package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
)

// A report is what people read of a fleet.
type report struct {
	Teams    int // of those that there are
	Counts   counts
	InFlight uint64 // due times whose runs had not ended
	Load     load
	Promises []promiseRow
	Delays   []delayRow
	Blame    blame
	Told     []toldRow
}

// A load is of runs that began in a location, in slices of a time.
type load struct {
	Mean    float64
	Busiest uint32
	When    time.Duration // since the beginning
}

type promiseRow struct {
	What     string
	Confirms bool
	Promised bool // fails no more than is tolerated
	Months   float64
	Allowed  float64
	Pages    int
	Lower    float64 // of the 95 % interval
	Upper    float64
	Bursts   int
}

// Kept reports whether what was counted agrees with the promise.
func (r promiseRow) Kept() bool { return r.Lower <= r.Allowed }

type delayRow struct {
	Fault string
	By    [2][whats]delayCell // without and with confirming runs
}

type delayCell struct {
	N              int // that could be noticed
	Median, P95    string
	Missed         string
	AlreadyPresent int
}

type toldRow struct {
	Routing string
	told
	ATeamADay float64
}

func (f *fleet) report() report {
	r := report{Teams: f.Teams, Counts: f.Counts, Blame: f.blame, Load: f.load()}
	c := f.Counts
	r.InFlight = c.Expected + c.Confirmed - c.runs() - c.missed()
	for what := range whats {
		for class := range classes {
			for _, confirms := range []bool{false, true} {
				if p := f.promise[subject{what, class, confirms}]; p != nil {
					row := promiseRow{What: nameOf(what, class), Confirms: confirms, Promised: class != above, Months: p.hours / 720,
						Allowed: p.allowed(), Pages: p.Pages, Bursts: p.Bursts}
					row.Lower, row.Upper = poisson(p.Pages)
					r.Promises = append(r.Promises, row)
				}
			}
		}
	}
	r.Delays = f.delayRows()
	for i, t := range f.told {
		r.Told = append(r.Told, toldRow{routings[i].name, t, float64(t.all()) / t.days})
	}
	return r
}

func nameOf(what what, class class) string {
	of := []string{"far below", "below", "just as much", "**more**"}[class]
	switch what {
	case alone:
		return "a flow in one location, " + of
	case group, allGroup:
		where := "one location, "
		if what == allGroup {
			where = "all locations, "
		}
		return "a group in " + where + map[bool]string{false: "below", true: "**more**"}[class == above]
	}
	return "a flow in all locations, " + of
}

func (f *fleet) load() (l load) {
	total, slices := 0.0, 0
	for _, starts := range f.starts {
		for i, n := range starts {
			total += float64(n)
			slices++
			if n > l.Busiest {
				l.Busiest, l.When = n, time.Duration(i)*slice
			}
		}
	}
	l.Mean = total / float64(slices)
	return l
}

func (f *fleet) delayRows() (rows []delayRow) {
	kinds := map[incident]bool{}
	for k := range f.delays {
		k.confirms = false
		kinds[k] = true
	}
	order := slices.SortedFunc(maps.Keys(kinds), func(a, b incident) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.rate, b.rate), cmp.Compare(fmt.Sprint(a.ramp), fmt.Sprint(b.ramp)))
	})
	for _, k := range order {
		row := delayRow{Fault: k.name(f.w)}
		for i, confirms := range []bool{false, true} {
			k.confirms = confirms
			if d := f.delays[k]; d != nil {
				for what := range whats {
					row.By[i][what] = d[what].cell()
				}
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func (k incident) name(w *world) string {
	percent := fmt.Sprintf("%g %%", 100*k.rate)
	switch k.kind {
	case release:
		if k.ramp {
			return percent + ", a bad release, rising for " + inWords(w.scaled(ramp))
		}
		return percent + ", a bad release"
	case bankWide:
		return percent + ", the whole bank"
	case regional:
		return percent + ", one region"
	}
	return percent + ", a single flow"
}

func (d *delay) cell() delayCell {
	c := delayCell{N: len(d.took) + d.missed, AlreadyPresent: d.already, Missed: share(d.missed, len(d.took)+d.missed)}
	write := func(share float64) string {
		if q, ok := quantile(d.took, d.missed, share); ok {
			return inWords(q)
		}
		return "–"
	}
	c.Median, c.P95 = write(0.5), write(0.95)
	return c
}

// markdown is the report, for docs/simulation.md.
func (r report) markdown(s settings) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## What was simulated\n\n%d locations with %s checks each, %g days, a run each %s; every other team confirms each %s. Seed %d.\n\n",
		s.Locations, thousands(s.Checks), s.Days, s.Every, s.Confirm, s.Seed)
	if of := s.Checks / teamSize; r.Teams < of {
		fmt.Fprintf(&b, "**It was stopped: this is of %d of %d teams, with %s checks in all locations.**\n\n", r.Teams, of, thousands(r.Teams*teamSize*s.Locations))
	}
	r.writeCounts(&b)
	r.writePromises(&b)
	r.writeDelays(&b)
	r.writeTold(&b)
	return b.String()
}

func (r report) writeCounts(b *strings.Builder) {
	c := r.Counts
	fmt.Fprintf(b, "| | |\n|---|---:|\n| due times by the schedules | %s |\n| confirming runs beside them | %s |\n", thousands(c.Expected), thousands(c.Confirmed))
	fmt.Fprintf(b, "| passed | %s |\n| failed | %s |\n| errored, by our own fault | %s |\n", thousands(c.Passed), thousands(c.Failed), thousands(c.Errored))
	for _, why := range prober.MissReasons {
		if n := c.Missed[why]; n > 0 {
			fmt.Fprintf(b, "| missed, %s | %s |\n", why, thousands(n))
		}
	}
	fmt.Fprintf(b, "| under way at the end | %s |\n| confirming runs that found no account | %s |\n", thousands(r.InFlight), thousands(c.NotConfirmed))
	fmt.Fprintf(b, "| runs that waited for a confirming run, and the longest wait | %s, %s |\n", thousands(c.Late), inWords(c.Latest))
	fmt.Fprintf(b, "| runs that begin in %v in a location: the mean, and the most | %.0f, %d (on day %d) |\n\n", slice, r.Load.Mean, r.Load.Busiest,
		int(r.Load.When/(24*time.Hour))+1)
}

func (r report) writePromises(b *strings.Builder) {
	b.WriteString(`## Pages without a fault

What is promised is one in 30 days of a check that fails no more than it tolerates, in the mean, at the most.

| of | confirms | months | promised at most | pages | 95 % interval | in a burst | |
|---|---|---:|---:|---:|---:|---:|---|
`)
	for _, p := range r.Promises {
		verdict := "no promise"
		if p.Promised {
			verdict = map[bool]string{true: "kept", false: "**broken**"}[p.Kept()]
		}
		fmt.Fprintf(b, "| %s | %s | %.1f | %.1f | %d | %.1f–%.1f | %d | %s |\n", p.What, map[bool]string{true: "yes", false: "no"}[p.Confirms],
			p.Months, p.Allowed, p.Pages, p.Lower, p.Upper, p.Bursts, verdict)
	}
	b.WriteString("\n")
}

func (r report) writeDelays(b *strings.Builder) {
	b.WriteString(`## From the fault to the page

The median, the time in which 19 of 20 are noticed, and how many are not while the fault lasts.

| runs that fail | confirms | one location: median | 95 % | missed | its group: median | 95 % | missed | all locations: median | 95 % | missed | its group in all locations: median | 95 % | missed |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
`)
	for _, row := range r.Delays {
		for i, confirms := range []string{"no", "yes"} {
			if row.By[i][alone].N+row.By[i][alone].AlreadyPresent == 0 {
				continue
			}
			fmt.Fprintf(b, "| %s | %s ", row.Fault, confirms)
			for _, c := range row.By[i] {
				fmt.Fprintf(b, "| %s | %s | %s ", c.Median, c.P95, c.Missed)
			}
			b.WriteString("|\n")
		}
	}
	n := r.Blame.Right + r.Blame.Wrong + r.Blame.Nobody
	fmt.Fprintf(b, "\nOf %s pages of a bad release in one location, of a flow or a group, %s named the bad backend at once, %s another one, and the others nobody.\n\n",
		thousands(n), share(r.Blame.Right, n), share(r.Blame.Wrong, n))
}

func (r report) writeTold(b *strings.Builder) {
	b.WriteString(`## What people get

| routing | while there is a fault | within a day after it | objective is wrong | false | a team and day | a team's worst day | first hour of the whole bank's fault, all teams |
|---|---:|---:|---:|---:|---:|---:|---:|
`)
	for _, t := range r.Told {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %.2f | %d | %s |\n", t.Routing, thousands(t.News), thousands(t.After), thousands(t.Chronic),
			thousands(t.False), t.ATeamADay, t.Worst, thousands(t.Storm))
	}
	b.WriteString("\n")
}
