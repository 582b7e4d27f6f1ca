package detect

// Succeed has a detector that has seen nothing go on with what another one found, whose
// parameters differ, since the check has another objective or is run at another pace.
//
// Evidence is of runs at the pace, against the objective, and is not taken over. A page
// is: where the other one is firing, this one is, since the same time and with the same
// evidence and change point, until runs have shown by its own parameters that all is
// well. To forget it would be to say so without having seen any.
func (d *Detector) Succeed(before *Detector) {
	if before.state != Firing {
		return
	}
	next := New(d.params)
	next.state, next.since, next.failedAt = Firing, before.since, before.failedAt
	next.page.scale(&before.page, d.params.RunsToFalsePage/before.params.RunsToFalsePage)
	if next.Evidence() < 1 { // by a rounding error
		next.page.scale(&next.page, 1+1e-12)
	}
	if next.consistent() == nil { // as it is, unless the parameters were no objective's
		*d = *next
	}
}

// scale is another mixture's statistics, each so many times as large.
func (m *mixture) scale(from *mixture, by float64) {
	for j := range points {
		m.r[j], m.since[j] = from.r[j]*by, from.since[j]
		m.peak[j] = 1
		if from.peak[j] > 1 { // a term is no larger than the sum it is part of
			m.peak[j] = max(1, min(from.peak[j], m.r[j]/weight))
		}
	}
	m.total = m.sum()
}
