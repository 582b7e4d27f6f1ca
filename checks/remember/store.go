package remember

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"sync"
	"time"
)

// A Store remembers values of accounts. It is safe for concurrent use: calls for
// one account take their turns, those for different ones go on side by side. A
// call that writes blocks until the disk has it, some milliseconds as a rule,
// and cannot be called off in between. Each call takes effect as a whole or not
// at all.
//
// Errors name the account, and the file where there is one, and nothing of any
// value. They are never the target's fault.
type Store struct {
	folder   string // "" in memory
	key      Key
	lock     *os.File // nil in memory
	warnings []string

	closing sync.RWMutex // held by every call for reading
	closed  bool         // guarded by closing

	mu      sync.Mutex
	entries map[Account]*entry // guarded by mu; entries are never removed
}

// An entry is the copy in memory of what is on the disk of one account.
type entry struct {
	mu      sync.Mutex
	current bool             // values is what the file holds; otherwise read it first
	values  map[string]Value // replaced, never changed
}

var errClosed = errors.New("the store is closed")

// NewMemory returns a Store whose values end with the process.
func NewMemory() *Store { return &Store{entries: map[Account]*entry{}} }

// Durable reports whether values outlive the process.
func (s *Store) Durable() bool { return s.folder != "" }

// Warnings tells what [Open] found that works and is not as it should be: files
// that others could read, and each damaged file, which is an error for its
// account.
func (s *Store) Warnings() []string { return slices.Clone(s.warnings) }

// Close waits for the calls under way and lets another process have the folder.
// Calls from then on are errors, but for Close.
func (s *Store) Close() error {
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.lock == nil {
		return nil
	}
	if err := s.lock.Close(); err != nil {
		return fmt.Errorf("unlocking %q: %w", s.folder, plainError(err))
	}
	return nil
}

// Get returns what is remembered of an account, by name. The map is the
// caller's; it is empty where nothing is.
func (s *Store) Get(a Account) (values map[string]Value, err error) {
	err = s.with(a, func(e *entry) error {
		values = maps.Clone(e.values)
		return nil
	})
	return values, err
}

// Put remembers values; those under other names stay. It returns when they are
// durable: use what was captured after that, not before. Beyond [MaxValues] or
// [MaxSize] it is an error, and nothing changes.
func (s *Store) Put(a Account, values map[string]Value) error {
	return s.update(a, func(all map[string]Value) (bool, error) {
		for name, v := range values {
			normal, err := v.normal()
			if err == nil {
				err = checkName(name)
			}
			if err != nil {
				return false, fmt.Errorf("value %.100q: %w", name, err)
			}
			all[name] = normal
		}
		return len(values) > 0, nil
	})
}

// Take returns the values under the names, as far as there are any, and forgets
// them. It returns when that is durable: a single-use token is never used twice,
// and lost if the process ends before it is used.
func (s *Store) Take(a Account, names ...string) (map[string]Value, error) {
	taken := map[string]Value{}
	err := s.update(a, func(all map[string]Value) (bool, error) {
		for _, name := range names {
			if v, ok := all[name]; ok {
				taken[name] = v
				delete(all, name)
			}
		}
		return len(taken) > 0, nil
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// Delete forgets the values under the names, durably when it returns. To forget
// what is not there is no error.
func (s *Store) Delete(a Account, names ...string) error {
	_, err := s.Take(a, names...)
	return err
}

// Increment returns the next number of a counter, the first time first. It is
// durable before it is returned, with now as its time, so that no number is
// returned twice, whatever happens to the process: RFC 4226, section 7.2.
//
// Where first is larger than the number that would follow, it is taken: raising
// it puts right a counter that was lost or is behind. A counter never goes back.
// It is an error if something else than a whole number from 0 on is remembered
// under the name, or if the counter would go beyond 2^63-1.
func (s *Store) Increment(a Account, name string, first uint64, now time.Time) (n uint64, err error) {
	err = s.update(a, func(all map[string]Value) (bool, error) {
		if err := checkName(name); err != nil {
			return false, fmt.Errorf("counter %.100q: %w", name, err)
		}
		n = first
		if v, ok := all[name]; ok {
			next, err := v.next()
			if err != nil {
				return false, fmt.Errorf("counter %q: %w", name, err)
			}
			n = max(first, next)
		}
		if n > math.MaxInt64 {
			return false, fmt.Errorf("counter %q: it is at its end", name)
		}
		v, err := counter(n, now).normal()
		all[name] = v
		return true, err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// update changes what is remembered of an account by change, which gets a copy
// and reports whether it changed it. The disk has the change first.
func (s *Store) update(a Account, change func(map[string]Value) (bool, error)) error {
	return s.with(a, func(e *entry) error {
		next := maps.Clone(e.values)
		changed, err := change(next)
		if err == nil {
			err = checkAll(next)
		}
		if err != nil || !changed {
			return err
		}
		if s.Durable() {
			e.current = false // until the disk has it, nobody knows what it has
			if err := s.write(a, next); err != nil {
				return err
			}
		}
		e.values, e.current = next, true
		return nil
	})
}

// with calls f with an account's entry, current and locked.
func (s *Store) with(a Account, f func(*entry) error) error {
	if err := a.check(); err != nil {
		return fmt.Errorf("remembering: %w", err)
	}
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return fmt.Errorf("remembering for %v: %w", a, errClosed)
	}
	e := s.entry(a)
	e.mu.Lock()
	defer e.mu.Unlock()
	err := s.refresh(a, e)
	if err == nil {
		err = f(e)
	}
	if err != nil {
		return fmt.Errorf("remembering for %v: %w", a, err)
	}
	return nil
}

func (s *Store) entry(a Account) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[a]
	if e == nil {
		e = &entry{values: map[string]Value{}, current: !s.Durable()}
		s.entries[a] = e
	}
	return e
}

func (s *Store) refresh(a Account, e *entry) error {
	if e.current {
		return nil
	}
	if err := s.inPlace(); err != nil {
		return err
	}
	values, err := readAccount(s.folder, s.key, a)
	if err != nil {
		return err
	}
	e.values, e.current = values, true
	return nil
}

func (s *Store) write(a Account, values map[string]Value) error {
	if err := s.inPlace(); err != nil {
		return err
	}
	return writeAccount(s.folder, s.key, a, values)
}
