package checks

import (
	"slices"
	"strings"

	"github.com/authprober/authprober/prober"
)

// Outline reads from flows what judging their runs takes, and no more: name, labels, schedule
// and objective. Nothing it returns can be run. Secrets, accounts and the environment are not
// looked at, and need not be there; of steps it finds the mistakes that no other step has to do with.
// The error is of type [Mistakes]. Checks are sorted by name.
func Outline(paths []string) ([]*prober.Check, error) {
	for range mostLoads {
		l := &loader{options: &Options{}, flows: map[string]string{}, groups: map[string]*groupOfFlows{}, witness: witness{}}
		if all, err := l.outlines(paths); l.witness.stands(paths) {
			return all, err
		}
	}
	return nil, filesChange(paths)
}

func (l *loader) outlines(paths []string) (all []*prober.Check, err error) {
	found, mistakes := files(paths)
	l.mistakes = mistakes
	for _, path := range found {
		l.witness.see(path)
		src := read(path)
		if src.flow != nil {
			f := &compiled{check: &prober.Check{Name: src.flow.Name, About: src.flow.About}}
			l.outline(src, f)
			all = append(all, f.check)
		}
		l.mistakes = append(l.mistakes, src.doc.Mistakes...)
	}
	if len(l.mistakes) == 0 && len(all) == 0 {
		l.mistakes = noFlow(paths)
	}
	if err := l.mistakes.Err(); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *prober.Check) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// outline compiles what does not depend on steps and accounts.
func (l *loader) outline(src *source, f *compiled) {
	l.vetName(src)
	f.check.Labels = vetLabels(src)
	vetEnvironment(src, f)
	f.check.Schedule = vetSchedule(src)
	f.check.Objective = vetObjective(src)
	f.check.Group = l.vetGroup(src, f.check.Objective)
	f.check.Thresholds = vetThresholds(src)
}

func noFlow(paths []string) Mistakes {
	return Mistakes{{File: strings.Join(paths, " "), Message: "no flow here; a flow has a name, a target and steps"}}
}

func filesChange(paths []string) Mistakes {
	return Mistakes{{File: strings.Join(paths, " "), Message: "the files change while they are read; want them written elsewhere, and put in place at once"}}
}
