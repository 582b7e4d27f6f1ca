package history

// LastID returns the id of the run that was observed last, so that an observer that
// is told of a run after the store knows it by the same id; 0 before the first.
func (s *Store) LastID() RunID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}
