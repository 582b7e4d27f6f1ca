package detect

import "fmt"

// A State is what a detector holds a check to be. The zero value is Healthy.
type State uint8

const (
	Healthy State = iota // nothing speaks for a change, or too little
	Suspect              // evidence of 0.1 and more: look closer, do not wake anybody
	Firing               // evidence of 1 or more, until recovery is shown: a page
)

// States lists every state.
var States = []State{Healthy, Suspect, Firing}

// String returns healthy, suspect or firing.
func (s State) String() string {
	switch s {
	case Healthy:
		return "healthy"
	case Suspect:
		return "suspect"
	case Firing:
		return "firing"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// MarshalText writes the state as String does; it is an error for a value that
// is none of States.
func (s State) MarshalText() ([]byte, error) {
	if s > Firing {
		return nil, fmt.Errorf("writing state %d: want one of %v", uint8(s), States)
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads what MarshalText writes, and nothing else.
func (s *State) UnmarshalText(text []byte) error {
	for _, state := range States {
		if string(text) == state.String() {
			*s = state
			return nil
		}
	}
	return fmt.Errorf("reading state %q: want one of %v", text, States)
}
