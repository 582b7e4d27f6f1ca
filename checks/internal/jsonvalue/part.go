package jsonvalue

// A Part is what is wanted of a JSON text. Nil is nothing of it, and [Whole] all. It must
// not change while a text is read, which many goroutines may do at once.
type Part struct {
	whole   bool
	size    bool // how many members an object has, beside those that are wanted
	members map[string]*member
}

// A member is one that is wanted. Its name is here so that reading one makes no text.
type member struct {
	name string
	part *Part
}

// Whole is the part that is everything.
var Whole = &Part{whole: true}

// Of is the part that path leads to, through objects. With size it is no more than how
// long the list or the text is that is there, or how many members the object has. A path
// to what is no object is a part, too: what such a value is, is always known.
func Of(path []string, size bool) *Part {
	switch {
	case len(path) > 0:
		name := path[0]
		return &Part{members: map[string]*member{name: {name, Of(path[1:], size)}}}
	case size:
		return &Part{size: true}
	}
	return Whole
}

// And is what either part is.
func (p *Part) And(other *Part) *Part {
	switch {
	case other.Covers(p):
		return other
	case p.Covers(other):
		return p
	}
	both := &Part{size: p.size || other.size, members: make(map[string]*member, len(p.members)+len(other.members))}
	for _, one := range []*Part{p, other} {
		for name, m := range one.members {
			both.members[name] = &member{name, both.of(name).And(m.part)}
		}
	}
	return both
}

// Covers reports whether other is nothing but what p is, too.
func (p *Part) Covers(other *Part) bool {
	switch {
	case other == nil || p == other:
		return true
	case p == nil || p.whole || other.whole:
		return p != nil && p.whole
	case other.size && !p.size:
		return false
	}
	for name, m := range other.members {
		if wanted := p.members[name]; wanted == nil || !wanted.part.Covers(m.part) {
			return false
		}
	}
	return true
}

// of is the part of the member; nil where nothing is wanted of it.
func (p *Part) of(name string) *Part {
	if m := p.members[name]; m != nil {
		return m.part
	}
	return nil
}
