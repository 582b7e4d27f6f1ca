package e2e

import (
	"bytes"
	"encoding/json"
	"sync"
	"time"
)

// soakCounts are what the due times of a check came to.
type soakCounts struct {
	Passed, Failed, Errored, Aborted int
	Missed                           map[string]int // by reason
}

func (c *soakCounts) due() int {
	n := c.Passed + c.Failed + c.Errored + c.Aborted
	for _, missed := range c.Missed {
		n += missed
	}
	return n
}

// A soakLog reads the daemon's log as it is written, of the level debug, in which every due
// time has its line. It keeps sums and no lines. It is safe for concurrent use.
type soakLog struct {
	secrets map[string]bool // of soakSecret bytes each, that must not be in it

	mu      sync.Mutex
	rest    []byte
	counts  map[string]*soakCounts
	seqs    map[string]uint64 // of the last runs
	changes []soakChange      // of states
	said    map[string]int    // by message
	reasons map[string]int    // for which runs failed
	unsure  int               // runs that failed before the bank has seen them, perhaps
	errors  map[string]int    // of runs that errored
	leaked  []string          // lines
}

// soakSecret is how much of each secret is looked for.
const soakSecret = 9

// A soakChange is a change of a check's state.
type soakChange struct {
	At              time.Time
	Check, From, To string
}

type soakLine struct {
	Time                          time.Time
	Msg, Check, Outcome, From, To string
	Step, Reason, Error           string
	N                             int
	Seq                           uint64
}

func newSoakLog(users []soakUser) *soakLog {
	l := &soakLog{secrets: map[string]bool{}, counts: map[string]*soakCounts{}, seqs: map[string]uint64{}, said: map[string]int{},
		reasons: map[string]int{}, errors: map[string]int{}}
	for _, u := range users {
		l.secrets[u.Password[:soakSecret]], l.secrets[u.TOTPSecret[:soakSecret]] = true, true
	}
	return l
}

func (l *soakLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			l.rest = append([]byte(nil), l.rest...) // what was read goes
			return len(p), nil
		}
		l.read(line)
		l.rest = rest
	}
}

func (l *soakLog) read(line []byte) {
	for i := range max(0, len(line)-soakSecret+1) {
		if l.secrets[string(line[i:i+soakSecret])] {
			l.leaked = append(l.leaked, string(line))
			break
		}
	}
	var said soakLine
	if json.Unmarshal(line, &said) != nil {
		said.Msg = "no JSON: " + string(line)
	}
	l.said[said.Msg]++
	switch said.Msg {
	case "run":
		l.run(said)
	case "missed":
		l.of(said.Check).Missed[said.Reason] += said.N
	case "state":
		l.changes = append(l.changes, soakChange{said.Time, said.Check, said.From, said.To})
	}
}

// run counts a run.
func (l *soakLog) run(said soakLine) {
	c := l.of(said.Check)
	switch said.Outcome {
	case "passed":
		c.Passed++
	case "failed":
		c.Failed++
		l.reasons[said.Reason]++
		if said.Step == "login" && (said.Reason == "connect" || said.Reason == "timeout" || said.Reason == "reset") {
			l.unsure++
		}
	case "errored":
		c.Errored++
		l.errors[said.Error]++
	case "aborted":
		c.Aborted++
	}
	l.seqs[said.Check] = max(l.seqs[said.Check], said.Seq)
}

func (l *soakLog) of(check string) *soakCounts {
	if l.counts[check] == nil {
		l.counts[check] = &soakCounts{Missed: map[string]int{}}
	}
	return l.counts[check]
}

// look calls f while nothing is written.
func (l *soakLog) look(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// fired are the checks that began to fire within a time, and how often each of them did.
func (l *soakLog) fired(from, to time.Time) map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := map[string]int{}
	for _, c := range l.changes {
		if c.To == "firing" && c.At.After(from) && c.At.Before(to) {
			n[c.Check]++
		}
	}
	return n
}
