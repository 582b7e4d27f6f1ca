package banktest

// ProxyStats is what a proxy has done since it began. It is a copy.
type ProxyStats struct {
	// Requests counts all but those to the proxy's own paths. All counts here have
	// a request before its client has the answer.
	Requests int64 `json:"requests"`
	// Met counts the requests that felt a fault, Unreached those that the target
	// did not answer.
	Met       int64 `json:"met"`
	Unreached int64 `json:"unreached"`
	// Faults are those there are now, in the order in which they were added.
	Faults []ProxyFaultStats `json:"faults"`
}

// ProxyFaultStats is what a proxy has done with one fault.
type ProxyFaultStats struct {
	Fault   Fault `json:"fault"`
	Matched int64 `json:"matched"` // requests of its method and path
	// Met are those of them that felt it: that were drawn, and that another fault
	// before it did not decide about.
	Met int64 `json:"met"`
}

// Stats returns what the proxy has done so far.
func (p *Proxy) Stats() ProxyStats {
	p.mu.Lock()
	stats := p.counts
	p.mu.Unlock()
	stats.Faults = p.tally()
	return stats
}

func (s *faultSet) tally() []ProxyFaultStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]ProxyFaultStats, len(s.active))
	for i, f := range s.active {
		all[i] = ProxyFaultStats{f.Fault, f.matched, f.met}
	}
	return all
}

func (p *Proxy) count(change func(*ProxyStats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.counts)
}

// felt notes the faults that a request has felt.
func (p *Proxy) felt(faults []Fault) {
	if len(faults) == 0 {
		return
	}
	p.count(func(s *ProxyStats) { s.Met++ })
	for _, f := range faults {
		p.met(f.ID)
	}
}
