package checks

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/expr-lang/expr/types"
	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/jsonvalue"
	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/checks/remember"
	"github.com/authprober/authprober/prober"
)

// A Counter is a number that is remembered of an account and never comes twice.
type Counter struct {
	// Name is the one under which it is remembered.
	Name string `yaml:"name,required"`
	// First is the number it has at least, such as the counter that a token was handed out with. The default is 1.
	First Template `yaml:"first"`

	node *yaml.Node
}

// DecodeYAML implements strict.Decoder: `counter: NAME` is short for {name: NAME}.
func (c *Counter) DecodeYAML(d *strict.Document, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		c.Name, _ = d.Text(n)
	} else {
		type plain Counter
		var set plain
		d.Decode(n, &set)
		*c = Counter(set)
	}
	c.node = n
	if c.Name != "" && !identifier.MatchString(c.Name) {
		d.Errorf(n, "%q is no name for a counter; want letters, digits and _, beginning with a letter", c.Name)
	}
}

// remembers lists what the step leaves for later runs.
func (c *StepSettings) remembers() (names []string) {
	for i := range c.Remember {
		names = append(names, c.Remember[i].Name)
	}
	if c.Counter != nil && c.Counter.Name != "" {
		names = append(names, c.Counter.Name)
	}
	return names
}

// noteRemembered notes in each pool what its flows remember of an account: one flow
// may read what another one has left.
func (l *loader) noteRemembered(sources []*source) {
	for _, src := range sources {
		if src.flow == nil {
			continue
		}
		p := l.pools[src.flow.Accounts]
		for _, st := range slices.Concat(pointers(src.flow.Steps), pointers(src.flow.Cleanup)) {
			if st.StepSettings == nil || len(st.remembers()) == 0 && len(st.Forget) == 0 {
				continue
			}
			if p == nil {
				if src.flow.Accounts == "" {
					src.doc.Errorf(st.node, "the step %q remembers something, and the flow has no accounts to remember it of", st.Name)
				}
				continue
			}
			p.remembered = unique(append(p.remembered, st.remembers()...))
			p.noteCounters(src, st)
		}
	}
}

// noteCounters notes which names are secret. One that is both a counter's and another
// value's is a mistake: what is no number cannot be counted on.
func (p *loadedPool) noteCounters(src *source, st *step) {
	if p.counts == nil {
		p.counts, p.secretly = map[string]bool{}, map[string]bool{}
	}
	note := func(name string, counter bool) {
		if before, seen := p.counts[name]; seen && before != counter {
			src.doc.Errorf(st.node, "%s is both a counter and the name of another value that the flows of the pool remember", name)
		}
		p.counts[name] = counter
	}
	for i := range st.Remember {
		note(st.Remember[i].Name, false)
		if !st.Remember[i].Show {
			p.secretly[st.Remember[i].Name] = true
		}
	}
	if st.Counter != nil && st.Counter.Name != "" {
		note(st.Counter.Name, true)
	}
}

// scopeOfMemory brings what is remembered of an account into reach.
func (p *loadedPool) scopeOfMemory(f *compiled, s *Scope) {
	if len(p.remembered) == 0 {
		return
	}
	f.remembered, f.secretly = p.remembered, p.secretly
	values, ages := types.Map{}, types.Map{}
	for _, name := range p.remembered {
		values[name], ages[name] = anyType, types.TypeOf(time.Duration(0))
	}
	s.names["remembered"], s.names["age"] = values, ages
	s.remembered = p.remembered
}

// vetCounter compiles the counter's first number and returns the captured names that
// it reads. What the step itself computes is not yet known when it counts.
func (st *step) vetCounter(s *Scope) []string {
	if st.Counter == nil {
		return nil
	}
	lets := map[string]string{}
	for _, c := range st.Let {
		lets[c.Name] = st.Name
	}
	st.Counter.First.compile(s)
	if len(st.Counter.First.needs(lets)) > 0 {
		s.doc.Errorf(st.Counter.node, "the counter %s begins with what the step computes with let, and it counts before that", st.Counter.Name)
	}
	s.atLoad(&st.Counter.First, func(text, of string) {
		if _, err := firstCount(text); err != nil {
			s.doc.Errorf(st.Counter.First.node, "%sthe first number of the counter %s %v", of, st.Counter.Name, err)
		}
	})
	return st.Counter.First.needs(s.captured)
}

// firstCount reads the number that a counter begins with. Its error does not repeat
// the text, which may be a field of an account.
func firstCount(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, errors.New("is no whole number from 0 on")
	}
	return n, nil
}

// vetMemory compiles what the step takes from the store and leaves in it.
func (st *step) vetMemory(s, after *Scope) {
	for _, name := range st.Forget {
		if s.flow.pool != nil && !slices.Contains(s.remembered, name) {
			s.doc.Errorf(st.at("forget"), "the step %q forgets %s, which no flow of the pool remembers%s", st.Name, name, strict.Nearest(name, s.remembered))
		}
	}
	for i := range st.Remember {
		st.Remember[i].Value.compileAny(after)
		st.usesBody = st.usesBody || st.Remember[i].Value.mentions("body")
	}
}

// storeKey is under which the leased account's values are stored.
func (s *Session) storeKey() remember.Account {
	return remember.Account{Pool: s.flow.pool.Name(), Name: s.lease.Account().Name}
}

// recall brings what is remembered of the account into reach: null where there is
// nothing.
func (s *Session) recall() error {
	if len(s.flow.remembered) == 0 || s.lease == nil {
		return nil
	}
	stored, err := s.flow.options.Remembered.Get(s.storeKey())
	if err != nil {
		return err
	}
	values, ages := map[string]any{}, map[string]any{}
	for _, name := range s.flow.remembered {
		values[name], ages[name] = nil, time.Duration(0)
		v, there := stored[name]
		if !there {
			continue
		}
		if values[name], err = jsonvalue.Decode([]byte(v.JSON.Reveal())); err != nil {
			return fmt.Errorf("what is remembered as %s of the account %s is no JSON", name, s.lease.Account().Name)
		}
		ages[name] = s.start.Sub(v.Since)
		if s.flow.secretly[name] {
			s.hide(values[name])
		}
	}
	s.vars["remembered"], s.vars["age"] = values, ages
	return nil
}

// prepare takes what the step uses up out of the store, and counts, before the step
// is sent: whatever becomes of the process, neither is used twice.
func (s *Session) prepare(st *step) error {
	if s.lease == nil {
		return nil
	}
	if len(st.Forget) > 0 {
		if err := s.flow.options.Remembered.Delete(s.storeKey(), st.Forget...); err != nil {
			return err
		}
	}
	if st.Counter == nil {
		return nil
	}
	first := uint64(1)
	if text, err := textOr(&st.Counter.First, s, "1"); err != nil {
		return err
	} else if first, err = firstCount(text); err != nil {
		return fmt.Errorf("the first number of the counter %s %w", st.Counter.Name, err)
	}
	n, err := s.flow.options.Remembered.Increment(s.storeKey(), st.Counter.Name, first, time.Now())
	if err != nil {
		return err
	}
	s.vars["remembered"].(map[string]any)[st.Counter.Name] = int(n)
	return nil
}

// rememberAll stores what the step leaves for later runs. It is stored before the run
// goes on, and from then on the run itself reads it too: a step that uses a remembered
// token need not know whether this run has got it or an earlier one.
func (s *Session) rememberAll(st *step) error {
	if len(st.Remember) == 0 || s.lease == nil {
		return nil
	}
	values, found, now := map[string]remember.Value{}, map[string]any{}, time.Now()
	for i := range st.Remember {
		c := &st.Remember[i]
		v, err := s.found(c, "remembering")
		if err != nil {
			return err
		}
		if !c.Show {
			s.hide(v)
		}
		var b bytes.Buffer
		if err := writeJSON(&b, v); err != nil {
			return fmt.Errorf("remembering %s: %w", c.Name, err)
		}
		if b.Len() > remember.MaxSize {
			return Failf(prober.ReasonBadResponse, "remembering %s from %s: want at most %d bytes, got %d", c.Name, c.Value.Source, remember.MaxSize, b.Len())
		}
		values[c.Name], found[c.Name] = remember.Value{JSON: secret.New(b.String()), Since: now}, v
	}
	if err := s.flow.options.Remembered.Put(s.storeKey(), values); err != nil {
		return err
	}
	for name, v := range found {
		s.vars["remembered"].(map[string]any)[name] = v
		s.vars["age"].(map[string]any)[name] = time.Duration(0)
	}
	return nil
}

// codeSent is under which the time of an account's last one-time code is stored. No
// flow can name it so.
const codeSent = "one-time code"

// noteCode tells that a one-time code by the clock is about to be sent: it is good
// once, whichever process sends it, so that is stored first. The lease may be of an
// earlier step of the clock.
func (s *Session) noteCode(now time.Time) error {
	if s.flow.mayCode && !s.codeSent && s.lease.CodeSpent(now, codeStep) {
		return fmt.Errorf("the account's one-time code of these %s may have been sent before: it is good once", codeStep)
	}
	s.codeSent = true
	s.lease.CodeUsed(now)
	return s.flow.options.Remembered.Put(s.storeKey(), map[string]remember.Value{codeSent: {JSON: secret.New("true"), Since: now}})
}

// recallCodes takes up when the pool's accounts have last been sent a one-time code.
// What cannot be read is for the run that needs it to tell.
func (l *loader) recallCodes(p *loadedPool) {
	if p.Pool == nil {
		return
	}
	for a := range p.Accounts() {
		if stored, err := l.options.Remembered.Get(remember.Account{Pool: p.Name(), Name: a.Name}); err == nil {
			if v, there := stored[codeSent]; there {
				p.CodeUsed(a.Name, v.Since)
			}
		}
	}
}

// rememberLate stores what a step leaves whose answer was right and only too slow:
// a token that was handed out replaces the one before all the same. It returns the
// step's failure, or what went wrong on our side.
func (s *Session) rememberLate(st *step, failed error) error {
	f, ok := errors.AsType[*failure](failed)
	if !ok || f.reason != prober.ReasonTooSlow || len(st.Remember) == 0 {
		return failed
	}
	for _, e := range st.judged {
		if !e.mentions("took") && !s.holds(e) {
			return failed
		}
	}
	err := s.captureAll(st) // which remember may read
	if err == nil {
		err = s.rememberAll(st)
	}
	if _, ok := errors.AsType[*failure](err); err == nil || ok {
		return failed
	}
	return err
}
