package web

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/authprober/authprober/prober/detect"
	"github.com/authprober/authprober/prober/web/api"
)

// A chart is drawn by the server, 1000 wide and 200 high, and stretched to where it is
// shown; what is written beside it is not. A table has the same for who cannot see it.
type chart struct {
	ID, Title, About string
	Lines            []chartLine
	Y, X             []string // labels, from the top and from the left
	Marks            []chartMark
	Head             []string
	Table            [][]string
}

// A chartLine is a path of one class.
type chartLine struct{ Class, D string }

// A chartMark is a change of state, in words below the chart.
type chartMark struct{ Class, Text, Link string }

const chartWidth, chartHeight = 1000, 200

// An axis puts moments and values where they are in a chart.
type axis struct {
	from, to time.Time
	share    func(value float64) float64 // of the height
}

func (a axis) x(at time.Time) float64 {
	return chartWidth * min(1, max(0, at.Sub(a.from).Seconds()/a.to.Sub(a.from).Seconds()))
}

func (a axis) y(value float64) float64 {
	return chartHeight * (1 - min(1, max(0, a.share(value))))
}

func (a axis) level(class string, value float64) chartLine {
	return chartLine{class, fmt.Sprintf("M0 %.1fH%d", a.y(value), chartWidth)}
}

// A point is a value at a moment; a gap is between it and the one before.
type point struct {
	at    time.Time
	value float64
	gap   bool
}

// path draws points, with gaps where nothing is known.
func (a axis) path(points []point) string {
	var b strings.Builder
	for i, p := range points {
		command := byte('L')
		if i == 0 || p.gap {
			command = 'M'
		}
		fmt.Fprintf(&b, "%c%.1f %.1f", command, a.x(p.at), a.y(p.value))
		if command == 'M' && (i == len(points)-1 || points[i+1].gap) {
			b.WriteString("h2") // a point alone is to be seen too
		}
	}
	return b.String()
}

// times labels the axis of time.
func (a axis) times() []string {
	layout := "15:04"
	switch span := a.to.Sub(a.from); {
	case span > 26*time.Hour:
		layout = "01-02 15:04"
	case span < 10*time.Minute:
		layout = "15:04:05"
	}
	middle := a.from.Add(a.to.Sub(a.from) / 2)
	return []string{a.from.UTC().Format(layout), middle.UTC().Format(layout), a.to.UTC().Format(layout) + " UTC"}
}

// evidenceChart shows the evidence of a check over time against the page at 1, and
// when its state changed.
func evidenceChart(points []point, changes []api.Change, from, to time.Time) chart {
	a := axis{from, to, func(v float64) float64 { return (math.Log10(max(v, leastEvidence)) + 3) / 4 }}
	c := chart{
		ID: "evidence", Title: "Evidence", X: a.times(), Y: []string{"10", "1, a page", "0.1", "0.01", "0.001"},
		Head: []string{"at, UTC", "evidence"},
	}
	highest := 0.0
	for _, p := range points {
		highest = max(highest, p.value)
		c.Table = append(c.Table, []string{p.at.UTC().Format("01-02 15:04:05"), evidenceText(p.value)})
	}
	c.About = fmt.Sprintf("The evidence from %s to %s; the highest is %s, and 1 is a page.", c.X[0], c.X[2], evidenceText(highest))
	c.Lines = append(c.Lines, a.level("limit", 1))
	for i := len(changes) - 1; i >= 0; i-- {
		ch := changes[i]
		c.Lines = append(c.Lines, chartLine{"change to-" + ch.To, fmt.Sprintf("M%.1f 0V%d", a.x(ch.At), chartHeight)})
		mark := chartMark{Class: ch.To, Text: fmt.Sprintf("%s %s → %s", ch.At.UTC().Format("01-02 15:04:05"), ch.From, ch.To)}
		if ch.Run != "" {
			mark.Link = "/runs/" + ch.Run
		}
		if ch.Blame != "" {
			mark.Text += ": " + ch.Blame
		}
		c.Marks = append(c.Marks, mark)
	}
	c.Lines = append(c.Lines, chartLine{"line", a.path(points)})
	return c
}

// ratioColumns is how many parts a chart of ratios has at the most.
const ratioColumns = 60

// A column is some buckets together.
type column struct {
	from, to     time.Time
	failed, runs int
	gap          bool
}

func columnsOf(s *api.Series) (all []column) {
	width := time.Duration(s.Width * float64(time.Second))
	if width <= 0 {
		return nil
	}
	n := int(s.To.Sub(s.From)/width)/ratioColumns + 1
	wide := time.Duration(n) * width
	last := -2
	for _, b := range s.Buckets {
		if b.Passed+b.Failed == 0 {
			continue
		}
		i := int(b.At.Sub(s.From) / wide)
		if i != last {
			from := s.From.Add(time.Duration(i) * wide)
			all = append(all, column{from: from, to: from.Add(wide), gap: i != last+1})
			last = i
		}
		c := &all[len(all)-1]
		c.failed, c.runs = c.failed+b.Failed, c.runs+b.Passed+b.Failed
	}
	return all
}

// ratioChart shows the failure ratio with its 95 % interval, what is tolerated, and
// what is worth a page.
func ratioChart(s *api.Series, o detect.Objective) chart {
	columns := columnsOf(s)
	top := 2 * o.Detect
	for _, c := range columns {
		top = max(top, 1.5*float64(c.failed)/float64(c.runs))
	}
	top = roundUp(top)
	a := axis{s.From, s.To, func(v float64) float64 { return v / top }}
	c := chart{
		ID: "ratio", Title: "Failure ratio, with its 95 % interval", X: a.times(), Y: []string{share(top), share(top / 2), "0%"},
		Head: []string{"from, UTC", "failed", "of runs", "ratio", "95 % interval"},
	}
	var points []point
	var upper, lower []point
	var band strings.Builder
	close := func() { // there and back
		for i := len(lower) - 1; i >= 0; i-- {
			upper = append(upper, lower[i])
		}
		if len(upper) > 0 {
			band.WriteString(a.path(upper) + "Z")
		}
		upper, lower = nil, nil
	}
	failed, runs := 0, 0
	for _, col := range columns {
		r := api.RatioOf("", col.failed, col.runs)
		if col.gap {
			close()
		}
		points = append(points, point{col.from, *r.Ratio, col.gap}, point{at: col.to, value: *r.Ratio})
		upper = append(upper, point{at: col.from, value: r.Upper}, point{at: col.to, value: r.Upper})
		lower = append(lower, point{at: col.from, value: r.Lower}, point{at: col.to, value: r.Lower})
		c.Table = append(c.Table, []string{col.from.UTC().Format("01-02 15:04"), fmt.Sprint(col.failed), fmt.Sprint(col.runs), percentOf(*r.Ratio),
			percentOf(r.Lower) + "-" + percentOf(r.Upper)})
		failed, runs = failed+col.failed, runs+col.runs
	}
	close()
	c.About = fmt.Sprintf("From %s to %s %d of %s failed; %s is tolerated and %s worth a page.", c.X[0], c.X[2], failed, counted(runs, "run"), share(o.Tolerate), share(o.Detect))
	c.Lines = []chartLine{{"band", band.String()}, a.level("tolerated", o.Tolerate), a.level("limit", o.Detect), {"line", a.path(points)}}
	return c
}

// roundUp is the next of 1, 2, 5, 10, 20, 50 and so on, in percent, up to all.
func roundUp(ratio float64) float64 {
	for scale := 0.0001; scale < 1; scale *= 10 {
		for _, n := range []float64{1, 2, 5} {
			if n*scale >= ratio {
				return n * scale
			}
		}
	}
	return 1
}

// A stepLine is how long a step has taken.
type stepLine struct {
	Step, Median, P95, Max string
	Runs, Failed           int
	Spark                  string // the 95 % over time
}

// stepLines sum up the steps of a series, in the order of the flow.
func stepLines(s *api.Series, order []string) (all []stepLine) {
	place := map[string]int{}
	for i, name := range order {
		place[name] = i + 1
	}
	steps := append([]api.StepSeries{}, s.Steps...)
	sortBy(steps, func(a, b api.StepSeries) int {
		return cmp.Or(cmp.Compare(place[a.Step], place[b.Step]), cmp.Compare(a.Step, b.Step))
	})
	for _, step := range steps {
		var line stepLine
		var median, p95, most, highest float64
		var points []point
		for _, b := range step.Buckets {
			n := float64(b.Took.N)
			line.Runs, line.Failed = line.Runs+b.Took.N, line.Failed+b.Failed
			median, p95, most, highest = median+n*b.Took.Median, p95+n*b.Took.P95, max(most, b.Took.Max), max(highest, b.Took.P95)
			points = append(points, point{at: b.At, value: b.Took.P95})
		}
		if line.Runs == 0 {
			continue
		}
		a := axis{s.From, s.To, func(v float64) float64 { return 0.95 * v / max(highest, 1e-9) }}
		line.Step, line.Max, line.Spark = step.Step, took(most), a.path(points)
		line.Median, line.P95 = took(median/float64(line.Runs)), took(p95/float64(line.Runs))
		all = append(all, line)
	}
	return all
}
