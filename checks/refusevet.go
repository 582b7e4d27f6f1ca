package checks

import (
	"slices"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/authprober/authprober/checks/internal/strict"
)

// vetRefusals holds what must-be-refused steps say of their refusals to the steps that
// there are.
func vetRefusals(src *source, f *compiled) {
	var earlier, refused []string
	for i := range f.steps {
		st := &f.steps[i]
		if st.StepSettings == nil {
			continue
		}
		f.vetRefusal(src, st, earlier, refused)
		earlier = append(earlier, st.Name)
		if len(st.Refuse) > 0 {
			refused = append(refused, st.Name)
		}
	}
	for i := range f.cleanup {
		st := &f.cleanup[i]
		if st.StepSettings == nil {
			continue
		}
		for _, key := range []string{"within", "same_as", "repeat"} {
			if hasKey(st.node, key) {
				src.doc.Errorf(st.at(key), "the step %q of the clean-up has %s, and what a clean-up is answered changes nothing", st.Name, key)
			}
		}
	}
}

// vetRefusal is for one step, given the names of those before it.
func (f *compiled) vetRefusal(src *source, st *step, earlier, refused []string) {
	for _, key := range []string{"within", "same_as", "repeat"} {
		if hasKey(st.node, key) && len(st.Refuse) == 0 {
			src.doc.Errorf(st.at(key), "the step %q has %s and no refuse: it is said of what must be refused", st.Name, key)
			return
		}
	}
	if st.Within != nil {
		f.waits = true
		f.vetWithin(src, st, earlier)
	} else if st.Poll != nil && len(st.Refuse) > 0 {
		vetPolledRefusal(src, st)
	}
	if st.SameAs != nil {
		f.vetSameAs(src, st, refused)
	}
}

// vetPolledRefusal is for a step that polls until it is refused. Only a protocol that
// says "not yet" by itself may, and only where nothing is counted against an account.
func vetPolledRefusal(src *source, st *step) {
	switch {
	case st.isNegative():
		src.doc.Errorf(st.Poll.node, "the step %q sends a wrong credential, which poll would send again and again", st.Name)
	case st.Poll.Until.isSet():
		src.doc.Errorf(st.Poll.node, "the step %q has refuse and poll: what is let in would be asked for again until it is refused, and nobody would hear of it; "+
			"within says for how long it may be let in", st.Name)
	}
}

func (f *compiled) vetWithin(src *source, st *step, earlier []string) {
	w := st.Within
	limit, mistake := time.Duration(w.Time), func(format string, args ...any) { src.doc.Errorf(w.node, format, args...) }
	switch {
	case st.Poll != nil:
		mistake("the step %q has within and poll: within asks again by itself", st.Name)
	case st.isNegative():
		mistake("the step %q sends a wrong credential, which within would send again and again", st.Name)
	case limit >= f.check.Schedule.Timeout:
		mistake("the step %q may be accepted for %s, which the run's timeout, %s, leaves no time for", st.Name, short(limit), short(f.check.Schedule.Timeout))
	case st.Timeout > 0 && st.Timeout <= w.Time:
		mistake("the step %q may be accepted for %s, which its timeout, %s, leaves no time for", st.Name, short(limit), short(time.Duration(st.Timeout)))
	}
	switch {
	case w.Of == "" && len(earlier) == 0:
		mistake("the step %q counts from the end of the step before, and it is the first", st.Name)
	case w.Of != "" && !slices.Contains(earlier, w.Of):
		mistake("the step %q counts from the end of %q, which is no step before it%s", st.Name, w.Of, strict.Nearest(w.Of, earlier))
	}
}

func (f *compiled) vetSameAs(src *source, st *step, refused []string) {
	a := st.SameAs
	if a.Step != "" && !slices.Contains(refused, a.Step) {
		src.doc.Errorf(a.node, "the step %q must be refused the same as %q, which is no must-be-refused step before it%s", st.Name, a.Step, strict.Nearest(a.Step, refused))
	}
	for _, name := range a.Headers {
		if !httpguts.ValidHeaderFieldName(name) {
			src.doc.Errorf(a.node, "%q is no name of a header field", name)
		}
	}
	for i := range f.steps {
		if one := &f.steps[i]; one.StepSettings != nil && one.Name == a.Step {
			one.compared = true
		}
	}
}
