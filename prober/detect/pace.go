package detect

import "time"

// A pace makes the due times of a simulated check that runs one at a time, and
// takes no time for it: those of the schedule, every and every again, and between
// them the extra runs that the detector wants and the budget has.
type pace struct {
	every, interval time.Duration // interval 0: never confirms
	budget          Budget
	now, due        time.Time // the last run, and the next of the schedule
	extra           int       // runs beside the schedule's
}

func newPace(every time.Duration, c Confirm, begin time.Time) pace {
	return pace{
		every:    every,
		interval: c.Interval,
		budget:   Budget{Limit: c.Limit(every)},
		now:      begin,
		due:      begin.Add(every),
	}
}

// next moves now to the next run.
func (p *pace) next(d *Detector) {
	if p.interval > 0 {
		at := p.now.Add(p.interval)
		if at.Before(p.due) && d.WantsConfirm(at, &p.budget) && p.budget.Take(at) {
			p.now = at
			p.extra++
			return
		}
	}
	p.now = p.due
	p.due = p.due.Add(p.every)
}
