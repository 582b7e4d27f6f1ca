package checks

import (
	"regexp"
	"slices"

	"go.yaml.in/yaml/v4"
)

// deal returns the sources without the flows of other shards, whose names it notes. A
// flow in which something is wrong already is of all of them: each of them says so.
func (l *loader) deal(sources []*source) []*source {
	if l.options.Shard.Of <= 1 {
		return sources
	}
	times := map[string]int{}
	for _, src := range sources {
		if src.flow != nil {
			times[src.flow.Name]++
		}
	}
	together := newLots(sources)
	var own []*source
	for _, src := range sources {
		if src.flow == nil || len(src.doc.Mistakes) > 0 || times[src.flow.Name] > 1 || l.options.Shard.OwnsFlows(together.of(src.keys()[0])) {
			own = append(own, src)
			continue
		}
		l.elsewhere = append(l.elsewhere, src.flow.Name)
	}
	slices.Sort(l.elsewhere)
	return own
}

// lots are the keys of flows that are of one shard, by their pools and groups: those of a
// pool that read what others remember of its accounts, and those of a group, which is
// judged by the runs of all of them. Where a flow is of both, so are all of both.
type lots map[string]string

func newLots(sources []*source) lots {
	l := lots{}
	for _, src := range sources {
		if src.flow == nil {
			continue
		}
		if keys := src.keys(); len(keys) == 2 {
			l.join(l.of(keys[0]), l.of(keys[1]))
		}
	}
	return l
}

// of follows a key to that of all that it is joined with.
func (l lots) of(key string) string {
	for l[key] != "" {
		key = l[key]
	}
	return key
}

// join leads the later key to the earlier one, so that it makes no difference in which
// order flows come.
func (l lots) join(a, b string) {
	if a != b {
		l[max(a, b)] = min(a, b)
	}
}

// keys are what keeps the flow with others, one or two; the flow alone where nothing does.
func (src *source) keys() (keys []string) {
	f := src.flow
	if f.Objective.Group != "" {
		keys = append(keys, "group/"+f.Objective.Group)
	}
	if f.Accounts != "" && src.remembers() {
		keys = append(keys, "pool/"+f.Accounts)
	}
	if keys == nil {
		keys = []string{"flow/" + f.Name}
	}
	return keys
}

// remembers reports whether the flow keeps something of an account, uses it up, or reads it.
func (src *source) remembers() bool {
	for _, st := range slices.Concat(pointers(src.flow.Steps), pointers(src.flow.Cleanup)) {
		if st.StepSettings != nil && len(st.remembers())+len(st.Forget) > 0 {
			return true
		}
	}
	return mentionsMemory(src.doc.Root)
}

// memoryNames are those under which expressions have what is remembered, and how old it is.
var memoryNames = regexp.MustCompile(`\b(remembered|age)\b`)

// mentionsMemory reports whether a text of the document has one of the names. One that
// only looks so costs nothing but that its flow goes with those of its pool.
func mentionsMemory(n *yaml.Node) bool {
	return n != nil && (n.Kind == yaml.ScalarNode && memoryNames.MatchString(n.Value) || slices.ContainsFunc(n.Content, mentionsMemory))
}

// shareText names the share of the accounts that this instance has.
func (o *Options) shareText() string {
	switch {
	case o.AccountShare.Of <= 1:
		return "the shard " + o.Shard.String()
	case o.Shard.Of <= 1:
		return "the account share " + o.AccountShare.String()
	}
	return "the shard " + o.Shard.String() + " of the account share " + o.AccountShare.String()
}
