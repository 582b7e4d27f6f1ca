package banktest

import (
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"sync"
)

// A faultSet is the faults that a bank has now.
type faultSet struct {
	seed uint64

	mu     sync.Mutex
	added  int // ever: the number in the last ID
	active []*activeFault
}

// An activeFault counts and draws for itself, so that no fault changes which
// requests another one meets.
type activeFault struct {
	Fault
	random  *mathrand.Rand
	matched int // requests
}

// hits returns the faults that meet a request, in the order in which they
// were added.
func (s *faultSet) hits(step string, on Backend) []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var hits []Fault
	for _, f := range s.active {
		if f.matches(step, on) && f.draw() {
			hits = append(hits, f.Fault)
		}
	}
	return hits
}

func (f *activeFault) draw() bool {
	f.matched++
	if f.Every > 0 {
		return f.matched%f.Every == 0
	}
	return f.random.Float64() < f.Rate
}

// maxFaults is the most faults that a bank can have at once.
const maxFaults = 1000

// put adds faults, after dropping those there are where replace is set. All
// of them have passed [Fault.Check]. It returns them with their IDs.
func (s *faultSet) put(replace bool, faults ...Fault) ([]Fault, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.active
	if replace {
		kept = nil
	}
	if n := len(kept) + len(faults); n > maxFaults {
		return nil, fmt.Errorf("fault: %d at once, want at most %d", n, maxFaults)
	}
	s.active = kept
	var added []Fault
	for _, f := range faults {
		f = f.withDefaults()
		s.added++
		f.ID = fmt.Sprintf("f%d", s.added)
		s.active = append(s.active, &activeFault{Fault: f, random: newRand(s.seed, "fault", s.added)})
		added = append(added, f)
	}
	return added, nil
}

// Faults returns the faults there are, in the order in which they were added.
func (b *Bank) Faults() []Fault {
	b.faults.mu.Lock()
	defer b.faults.mu.Unlock()
	faults := make([]Fault, len(b.faults.active))
	for i, f := range b.faults.active {
		faults[i] = f.Fault
	}
	return faults
}

// SetFaults replaces all faults at once, or none of them: an error says what
// is wrong with one.
func (b *Bank) SetFaults(faults ...Fault) error {
	for _, f := range faults {
		if err := b.checkFault(f); err != nil {
			return err
		}
	}
	_, err := b.faults.put(true, faults...)
	return err
}

// AddFault adds a fault behind those there are, and returns it with its ID
// and its defaults filled in. A fault's draws depend on the bank's seed and
// its number alone.
func (b *Bank) AddFault(f Fault) (Fault, error) {
	if err := b.checkFault(f); err != nil {
		return Fault{}, err
	}
	added, err := b.faults.put(false, f)
	if err != nil {
		return Fault{}, err
	}
	return added[0], nil
}

// RemoveFault drops the fault with an ID. It reports whether there was one.
func (b *Bank) RemoveFault(id string) bool {
	b.faults.mu.Lock()
	defer b.faults.mu.Unlock()
	before := len(b.faults.active)
	b.faults.active = slices.DeleteFunc(b.faults.active, func(f *activeFault) bool { return f.ID == id })
	return len(b.faults.active) < before
}

// ClearFaults drops every fault.
func (b *Bank) ClearFaults() {
	b.faults.mu.Lock()
	defer b.faults.mu.Unlock()
	b.faults.active = nil
}

func (b *Bank) checkFault(f Fault) error {
	if _, err := f.finish(nil); err != nil {
		return err
	}
	if err := b.checkBackend(f.withDefaults().Backend); err != nil {
		return fmt.Errorf("fault: %w", err)
	}
	return nil
}
