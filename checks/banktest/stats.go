package banktest

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// Stats is what a bank has seen since it began. It is a copy.
type Stats struct {
	// Requests counts by step, every one of [Steps] and "other", whatever
	// became of them; it leaves out the admin endpoints. All counts here have a
	// request before its client has the answer.
	Requests map[string]int64 `json:"requests"`
	// Faults counts the requests that faults have met. Those that failed open
	// count only where a dead token was accepted.
	Faults []FaultCount `json:"faults"`
	// Users counts by user name, every customer's.
	Users map[string]UserStats `json:"users"`
	// Total sums up Users.
	Total UserStats `json:"total"`
	// UnknownUsers are logins with a user name that no customer has.
	UnknownUsers int64 `json:"unknown_users"`
	Refreshes    int64 `json:"refreshes"`
	Reuses       int64 `json:"reuses"`      // of a refresh token: each has ended a session
	Revocations  int64 `json:"revocations"` // that ended a session
	// LiveChallenges are logins that wait for a code.
	LiveChallenges int `json:"live_challenges"`
}

// UserStats is what a bank has seen of one customer.
type UserStats struct {
	Attempts     int64 `json:"attempts"`      // POST /v1/login, whatever became of it
	Refused      int64 `json:"refused"`       // passwords, codes and signatures: wrong, used, late, or for a locked account
	Logins       int64 `json:"logins"`        // that ended in tokens
	Logouts      int64 `json:"logouts"`       // that ended a session
	Lockouts     int64 `json:"lockouts"`      // how often the account was locked
	LiveSessions int   `json:"live_sessions"` // neither logged out nor revoked nor expired
	Devices      int   `json:"devices"`       // that are enrolled
}

// A FaultCount is how many requests one kind of fault has met.
type FaultCount struct {
	Step    string `json:"step"`
	Backend string `json:"backend"`
	Kind    Kind   `json:"kind"`
	Count   int64  `json:"count"`
}

// Stats returns what the bank has seen so far.
func (b *Bank) Stats() Stats {
	var s Stats
	b.ledger.read(&s)
	b.vault.read(&s, b)
	return s
}

func (v *vault) read(s *Stats, b *Bank) {
	now := b.now()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweepNow(now)
	s.Users = make(map[string]UserStats, len(v.customers))
	for _, c := range v.customers {
		u := c.stats
		u.LiveSessions, u.Devices = len(c.sessions), len(c.devices)
		s.Users[c.Username] = u
		s.Total.Attempts += u.Attempts
		s.Total.Refused += u.Refused
		s.Total.Logins += u.Logins
		s.Total.Logouts += u.Logouts
		s.Total.Lockouts += u.Lockouts
		s.Total.LiveSessions += u.LiveSessions
		s.Total.Devices += u.Devices
	}
	s.UnknownUsers, s.Refreshes, s.Reuses, s.Revocations = v.unknownUsers, v.refreshes, v.reuses, v.revocations
	s.LiveChallenges = len(v.challenges)
}

// A ledger counts requests and faults.
type ledger struct {
	mu       sync.Mutex
	requests map[string]int64
	faults   map[FaultCount]int64 // by a key whose Count is 0
}

func newLedger() *ledger {
	l := &ledger{requests: map[string]int64{stepOther: 0}, faults: map[FaultCount]int64{}}
	for _, step := range Steps() {
		l.requests[step] = 0
	}
	return l
}

func (l *ledger) request(step string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.requests[step]; ok {
		l.requests[step]++
	}
}

func (l *ledger) fault(key FaultCount) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults[key]++
}

func (l *ledger) read(s *Stats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Requests = maps.Clone(l.requests)
	s.Faults = []FaultCount{}
	for key, n := range l.faults {
		key.Count = n
		s.Faults = append(s.Faults, key)
	}
	slices.SortFunc(s.Faults, func(a, b FaultCount) int {
		return cmp.Or(cmp.Compare(a.Step, b.Step), cmp.Compare(a.Backend, b.Backend), cmp.Compare(a.Kind, b.Kind))
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
