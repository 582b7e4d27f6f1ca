package detect

import "time"

// A Detector judges one check, run by run. It is made by [New] and is not safe
// for concurrent use.
type Detector struct {
	params   Params
	state    State
	since    time.Time // of the last change of the state
	page     mixture   // rests while firing
	clear    recovery  // is at zero while not firing
	failedAt time.Time // the last counted failure, where a blip begins
	burst    burst     // the one under way
	bursts   Bursts    // those that have ended
}

// New returns a detector that is healthy and has seen nothing. The parameters
// come from [Objective.Params] of a valid objective.
func New(p Params) *Detector {
	return &Detector{
		params: p,
		page:   newMixture(p.Tolerate, p.Detect),
		clear:  newRecovery(p.Tolerate, p.Detect),
	}
}

// A Judgement is what one run has meant to a detector.
type Judgement struct {
	Before, After State
	// Counted is false for a run that was skipped because it is part of a blip;
	// such a run changes nothing.
	Counted bool
}

// Changed reports whether the run changed the state.
func (j Judgement) Changed() bool { return j.Before != j.After }

// Observe takes account of a run that passed or failed at the given time. Runs
// are best told in the order of their times. One that comes late and is less than
// a blip older than the last counted failure is part of that blip; one that is
// older counts as if it were new, so that a clock set back silences nothing.
func (d *Detector) Observe(at time.Time, failed bool) Judgement {
	j := Judgement{Before: d.state, After: d.state, Counted: !d.skips(at)}
	if j.Counted {
		d.count(at, failed)
		j.After = d.next()
		if j.Changed() {
			d.enter(j.After, at)
		}
	}
	if failed {
		d.burst.extend(at, d.state == Firing)
	} else if d.burst.runs > 0 {
		d.bursts.add(&d.burst, d.params.Blip)
		d.burst = burst{}
	}
	return j
}

// skips reports whether a run at the given time is part of the last blip.
func (d *Detector) skips(at time.Time) bool {
	if d.failedAt.IsZero() {
		return false
	}
	since := at.Sub(d.failedAt)
	return -d.params.Blip < since && since < d.params.Blip
}

// count moves the statistic of the test that is under way.
func (d *Detector) count(at time.Time, failed bool) {
	if failed {
		d.failedAt = at
	}
	switch {
	case d.state == Firing:
		d.clear.observe(failed)
	case failed:
		d.page.failed(at)
	default:
		d.page.passed()
	}
}

// next returns the state that the statistics ask for.
func (d *Detector) next() State {
	if d.state == Firing {
		if d.clear.r >= d.params.RunsToFalseClear {
			return Healthy
		}
		return Firing
	}
	evidence := d.Evidence()
	switch {
	case evidence >= 1:
		return Firing
	case evidence >= suspectFrom:
		return Suspect
	case evidence < suspectUntil:
		return Healthy
	}
	return d.state
}

// enter changes the state. The test that begins has seen nothing.
func (d *Detector) enter(s State, at time.Time) {
	if d.state == Firing {
		d.page.reset()
	}
	d.clear.r = 0
	d.state, d.since = s, at
}

// Params returns what the detector was made with.
func (d *Detector) Params() Params { return d.params }

// State returns what the check is held to be.
func (d *Detector) State() State { return d.state }

// Since returns when the state last changed: the time of the run that changed
// it; the zero time if none has.
func (d *Detector) Since() time.Time { return d.since }

// Evidence returns how near the check is to a page: zero or more, 1 or more if and
// only if the check is firing, and finite. While firing it rests at the value
// that the check was paged with.
func (d *Detector) Evidence() float64 { return d.page.total / d.params.RunsToFalsePage }

// Recovery returns how near a firing check is to being healthy again, in [0, 1):
// the share it has of the runs that, passed in a row, would show it. A failed
// run sets it back. It is 0 if the check is not firing.
func (d *Detector) Recovery() float64 {
	return d.clear.passes(d.clear.r) / d.clear.passes(d.params.RunsToFalseClear)
}

// ChangePoint returns the estimated moment since which the failure rate is what
// it is now: the time of the first counted failure of the likeliest excursion
// from the tolerated rate (Page 1954). While firing it is the estimate that
// the check was paged with. It is the zero time if nothing speaks for a change.
func (d *Detector) ChangePoint() time.Time { return d.page.changePoint() }

// Bursts returns the bursts of failures seen so far.
func (d *Detector) Bursts() Bursts { return d.bursts }
