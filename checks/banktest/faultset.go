package banktest

import (
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"sync"
)

// A faultSet is the faults that a bank or a proxy has now.
type faultSet struct {
	seed  uint64
	check func(Fault) (Fault, error) // fills in the defaults too

	mu     sync.Mutex
	added  int // ever: the number in the last ID
	active []*activeFault
}

// An activeFault counts and draws for itself, so that no fault changes which
// requests another one meets.
type activeFault struct {
	Fault
	path    func(string) bool
	random  *mathrand.Rand
	matched int64 // requests
	met     int64 // requests, by [faultSet.met]
	limiter limiter
}

// hits returns the faults that meet a request, in the order in which they
// were added.
func (s *faultSet) hits(by sight) []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var hits []Fault
	for _, f := range s.active {
		if f.matches(by) && f.draw() {
			hits = append(hits, f.Fault)
		}
	}
	return hits
}

func (f *activeFault) draw() bool {
	f.matched++
	if f.Every > 0 {
		return f.matched%int64(f.Every) == 0
	}
	return f.random.Float64() < f.Rate
}

// met notes that a request has felt a fault, which may be gone by now.
func (s *faultSet) met(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.active {
		if f.ID == id {
			f.met++
		}
	}
}

// maxFaults is the most faults that a bank or a proxy can have at once.
const maxFaults = 1000

// put adds faults, after dropping those there are where replace is set, all of
// them or none. It returns them with their IDs and defaults.
func (s *faultSet) put(replace bool, faults ...Fault) ([]Fault, error) {
	var checked []*activeFault
	for _, f := range faults {
		f, err := s.check(f)
		if err != nil {
			return nil, err
		}
		match, err := newPathMatch(f.Path)
		if err != nil {
			return nil, err // check has seen to it already
		}
		checked = append(checked, &activeFault{Fault: f, path: match})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.active
	if replace {
		kept = nil
	}
	if n := len(kept) + len(checked); n > maxFaults {
		return nil, fmt.Errorf("fault: %d at once, want at most %d", n, maxFaults)
	}
	s.active = kept
	var added []Fault
	for _, f := range checked {
		s.added++
		f.ID = fmt.Sprintf("f%d", s.added)
		f.random = newRand(s.seed, "fault", s.added)
		s.active = append(s.active, f)
		added = append(added, f.Fault)
	}
	return added, nil
}

// Faults returns the faults there are, in the order in which they were added.
func (s *faultSet) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	faults := make([]Fault, len(s.active))
	for i, f := range s.active {
		faults[i] = f.Fault
	}
	return faults
}

// SetFaults replaces all faults at once, or none of them: an error says what
// is wrong with one.
func (s *faultSet) SetFaults(faults ...Fault) error {
	_, err := s.put(true, faults...)
	return err
}

// AddFault adds a fault behind those there are, and returns it with its ID
// and its defaults filled in. A fault's draws depend on the seed and its number
// alone.
func (s *faultSet) AddFault(f Fault) (Fault, error) {
	added, err := s.put(false, f)
	if err != nil {
		return Fault{}, err
	}
	return added[0], nil
}

// RemoveFault drops the fault with an ID. It reports whether there was one.
func (s *faultSet) RemoveFault(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.active)
	s.active = slices.DeleteFunc(s.active, func(f *activeFault) bool { return f.ID == id })
	return len(s.active) < before
}

// ClearFaults drops every fault.
func (s *faultSet) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = nil
}
