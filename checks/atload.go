package checks

import (
	"maps"
	"slices"

	"github.com/expr-lang/expr/types"

	"github.com/authprober/authprober/checks/internal/jose"
)

// constant evaluates a template that may read nothing but env, and that is
// therefore the same for every run. What is wrong is noted.
func (f *compiled) constant(t *Template, s *Scope) (string, bool) {
	only := *s
	only.names = types.Map{"env": s.names["env"]}
	before := len(s.doc.Mistakes)
	t.compile(&only)
	if len(s.doc.Mistakes) > before {
		return "", false
	}
	text, err := t.text(&Session{flow: f, vars: map[string]any{"env": f.env}}, nil)
	if err != nil {
		s.doc.Errorf(t.node, "%v", err)
		return "", false
	}
	return text, true
}

// atLoad calls look with each value that a compiled template will have, where it
// reads nothing that only a run knows: once, or once for each account of the pool.
// of says whose the value is, "" or "the account x: ".
func (s *Scope) atLoad(t *Template, look func(text, of string)) {
	s.atLoadBoth(t, &Template{}, func(text, _, of string) { look(text, of) })
}

// atLoadBoth is atLoad for two templates that belong together.
func (s *Scope) atLoadBoth(a, b *Template, look func(textOfA, textOfB, of string)) {
	reads, known := readsOf(a, b)
	if !a.isSet() || s.flow == nil || !known {
		return
	}
	try := func(account map[string]any, of string) {
		session := &Session{flow: s.flow, vars: map[string]any{"env": s.flow.env, "secrets": s.flow.secrets, "account": account}}
		textOfA, err := a.text(session, nil)
		textOfB, errOfB := b.text(session, nil)
		if err == nil && errOfB == nil {
			look(textOfA, textOfB, of)
		}
	}
	if !reads["account"] {
		try(nil, "")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.flow.accountVars)) {
		try(s.flow.accountVars[name], "the account "+name+": ")
	}
}

// readsOf lists the names that templates read. known is false where one of them
// is not compiled, or only a run knows what it reads.
func readsOf(all ...*Template) (reads map[string]bool, known bool) {
	reads = map[string]bool{}
	for _, t := range all {
		for _, p := range t.parts {
			if p.source != "" && p.program == nil {
				return nil, false // noted already
			}
			if p.program != nil {
				maps.Copy(reads, p.program.mentions)
			}
		}
	}
	for name := range reads {
		if name != "env" && name != "secrets" && name != "account" && !isHelper(name) {
			return nil, false
		}
	}
	return reads, true
}

// A signerKey tells the signers apart that were known at load: those are parsed
// once. Keys that runs make are not among them, for they would grow without end.
type signerKey struct{ key, algorithm string }

// signer returns the signer of a private key: one that was known at load, or a new
// one.
func (f *compiled) signer(key, algorithm string) (*jose.Signer, error) {
	id := signerKey{key, algorithm}
	if known, ok := f.signers[id]; ok {
		return known, nil
	}
	return jose.NewSigner(key, algorithm)
}

// learn keeps the signer of a key that is known at load.
func (f *compiled) learn(key, algorithm string) error {
	signer, err := jose.NewSigner(key, algorithm)
	if err == nil {
		f.signers[signerKey{key, algorithm}] = signer
	}
	return err
}
