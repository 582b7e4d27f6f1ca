package jose

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/authprober/authprober/checks/internal/pemkey"
)

// What a key set may have at most: a hundred keys with their certificates.
const (
	MaxKeySet = 256 << 10 // bytes
	MaxKeys   = 100
)

// A KeySet is a set of public keys as a server publishes it, a JWKS. It does not
// change, and is safe for concurrent use.
type KeySet struct {
	keys     []setKey
	problems []Problem
}

// A setKey is one key of a set. public is nil where it cannot be used.
type setKey struct {
	id, use, alg string
	hasID        bool
	ops          []any
	public       any
	print        string // stands for the key in Fingerprint
}

// A Problem is something that is wrong with one key of a set. Such a key is not
// used, except where it shares its kid with another.
type Problem struct {
	Key  int    // its place in the set, from 1
	What string // one of a closed list, such as "it has private members"
}

// What is wrong with a key that must be kept secret and is not.
const (
	publishedSecret  = "it is symmetric, and published"
	publishedPrivate = "it has private members"
)

// Exposed reports whether the key is one that must be kept secret.
func (p Problem) Exposed() bool { return p.What == publishedSecret || p.What == publishedPrivate }

func (p Problem) String() string { return fmt.Sprintf("key %d of the key set: %s", p.Key, p.What) }

// ParseKeySet reads a JWKS (RFC 7517 section 5). What is no set at all is an
// error: more than [MaxKeySet] bytes or [MaxKeys] keys, no JSON object, no list
// of keys.
//
// Keys of a kty that is not known are ignored, as section 5 has it, and so are
// those on curves that no algorithm of this package uses. A key that must not be
// in a public set (private, symmetric) or cannot be right (malformed, off its
// curve, of another curve than its alg, RSA outside 2048 to 4096 bits, of a kid
// that another key of its kty has) is a [Problem] and does not spoil the others.
func ParseKeySet(data []byte) (*KeySet, error) {
	if len(data) > MaxKeySet {
		return nil, fmt.Errorf("the key set has %d bytes, want at most %d", len(data), MaxKeySet)
	}
	doc, err := parseObject(data)
	if err != nil {
		return nil, fmt.Errorf("the key set %w", err)
	}
	list, ok := doc["keys"].([]any)
	if !ok {
		return nil, errors.New("the key set has no list of keys")
	}
	if len(list) > MaxKeys {
		return nil, fmt.Errorf("the key set has %d keys, want at most %d", len(list), MaxKeys)
	}
	s := new(KeySet)
	seen := map[[2]string]bool{}
	for i, v := range list {
		key, what := readKey(v)
		kty, _ := member(v, "kty")
		if id := [2]string{kty, key.id}; key.hasID && seen[id] && what == "" {
			what = "another key of its kty has the same kid"
		} else {
			seen[id] = true
		}
		s.keys = append(s.keys, key)
		if what != "" {
			s.problems = append(s.problems, Problem{i + 1, what})
		}
	}
	return s, nil
}

// Len returns how many keys the set has, usable or not.
func (s *KeySet) Len() int { return len(s.keys) }

// Problems returns what is wrong with keys of the set, in their order.
func (s *KeySet) Problems() []Problem { return slices.Clone(s.problems) }

// KeyIDs returns the kids of the set, usable or not, sorted and each once. They
// are the target's words: compare them, but do not print them.
func (s *KeySet) KeyIDs() []string {
	ids := []string{}
	for _, k := range s.keys {
		if k.hasID {
			ids = append(ids, k.id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Has reports whether a key of the set, usable or not, has the kid.
func (s *KeySet) Has(kid string) bool {
	return slices.ContainsFunc(s.keys, func(k setKey) bool { return k.hasID && k.id == kid })
}

// Fingerprint is the same for two sets if and only if they have the same keys
// under the same kids, in whatever order. Replicas that publish different keys
// under one kid have the same KeyIDs and differ here.
func (s *KeySet) Fingerprint() string {
	lines := make([]string, 0, len(s.keys))
	for _, k := range s.keys {
		lines = append(lines, fmt.Sprintf("%t %q %s", k.hasID, k.id, k.print))
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// fits reports whether the key is one to verify signatures of alg with, RFC 7517
// sections 4.2 to 4.4.
func (k *setKey) fits(alg string) bool {
	if k.public == nil || pemkey.Kind(k.public) != keyKinds[alg] {
		return false
	}
	return (k.use == "" || k.use == "sig") && (k.alg == "" || k.alg == alg) &&
		(k.ops == nil || slices.Contains(k.ops, any("verify")))
}

// pick returns the key for a token, OpenID Connect Core section 10.1: that of
// its kid, or the only one that fits where it has none. Where several fit, none
// is tried.
func (s *KeySet) pick(alg, kid string, hasID bool) (any, error) {
	if s == nil {
		return nil, &Error{kind: ErrUnknownKey, text: "there is no key set to verify the token with"}
	}
	known, usable := false, false
	var fit []any
	for i := range s.keys {
		k := &s.keys[i]
		if hasID && (!k.hasID || k.id != kid) {
			continue
		}
		known, usable = true, usable || k.public != nil
		if k.fits(alg) {
			fit = append(fit, k.public)
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) > 1 && hasID:
		return nil, &Error{kind: ErrAmbiguousKey, text: "several keys of the key set have the token's kid"}
	case len(fit) > 1:
		return nil, &Error{kind: ErrAmbiguousKey, text: "token has no kid, and several keys of the key set fit"}
	case hasID && usable:
		return nil, &Error{kind: ErrAlgorithm, text: "the key of the token's kid is not for " + alg + " signatures"}
	case hasID && known:
		return nil, &Error{kind: ErrUnknownKey, text: "the key of the token's kid cannot be used"}
	case hasID:
		return nil, &Error{kind: ErrUnknownKey, text: "token's kid is not in the key set"}
	}
	return nil, &Error{kind: ErrUnknownKey, text: "token has no kid, and no key of the key set fits"}
}

func member(v any, name string) (string, bool) {
	m, _ := v.(map[string]any)
	s, ok := m[name].(string)
	return s, ok
}

// canonical stands for a key that has no thumbprint.
func canonical(v any) string {
	text, _ := json.Marshal(v) // it was JSON; the names are sorted
	return string(text)
}
