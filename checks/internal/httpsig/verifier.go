package httpsig

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// VerifyOptions say what a signature must be like. Of the zero value only
// Algorithm and Key must be set.
type VerifyOptions struct {
	// Algorithm is one of [Algorithms]. That of the signature counts for nothing,
	// except that it must not be another one.
	Algorithm string
	// Key is a public key or a certificate in PEM; for hmac-sha256 the shared
	// secret, byte for byte.
	Key string
	// Label is the name of the signature. The default is the only one there is.
	Label string
	// Components are those that must be covered, in the form of [Options].
	Components []string
	// KeyID and Tag are what the signature must have, if they are set.
	KeyID, Tag string
	// MaxAge is how long ago it may have been made; it must then say when. The
	// default is that this does not matter.
	MaxAge time.Duration
	// Skew is how far the signer's clock may be ahead or behind.
	Skew time.Duration
}

// A Verifier verifies requests with one key. It is safe for concurrent use.
type Verifier struct {
	opts     VerifyOptions
	key      *verifyingKey
	required []component
}

// A Signature is what a verified signature says of itself. Texts are empty and
// times zero where it says nothing.
type Signature struct {
	Label, KeyID, Nonce, Tag string
	Created, Expires         time.Time
	Components               []string // as they stand in Signature-Input
}

// What is wrong with a signature, for errors.Is.
var (
	ErrMissing   = errors.New("the request has no such signature")
	ErrMalformed = errors.New("the signature is malformed")
	ErrCoverage  = errors.New("the signature does not cover all it should")
	ErrMismatch  = errors.New("the signature is by another key or for another purpose")
	ErrTime      = errors.New("the signature is too old, or not yet valid")
	ErrDigest    = errors.New("the Content-Digest is wrong")
	ErrSignature = errors.New("the signature does not verify")
)

// NewVerifier reads the options.
func NewVerifier(o VerifyOptions) (*Verifier, error) {
	key, err := newVerifyingKey(o.Algorithm, o.Key)
	if err != nil {
		return nil, err
	}
	required, err := parseComponents(o.Components)
	if err != nil {
		return nil, err
	}
	return &Verifier{o, key, required}, nil
}

// Verify verifies the signature of a request, which was received or is about to
// be sent, at now; RFC 9421 section 3.2. If Content-Digest is covered, it must be
// that of the body. A nonce is only reported: whether it was there before is for
// the caller to know.
func (v *Verifier) Verify(req *http.Request, body []byte, now time.Time) (*Signature, error) {
	m := &message{req, body}
	label, input, signature, err := v.find(m)
	if err != nil {
		return nil, err
	}
	components, err := covered(input)
	if err != nil {
		return nil, err
	}
	s, err := v.parameters(label, input)
	if err != nil {
		return nil, err
	}
	for _, c := range components {
		s.Components = append(s.Components, c.String())
	}
	if err := v.checkPolicy(s, now); err != nil {
		return nil, err
	}
	base, err := m.base(components, input)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !v.key.verify(base, signature) {
		return nil, ErrSignature
	}
	if err := m.checkDigest(components); err != nil {
		return nil, err
	}
	return s, nil
}

// find picks the signature, section 3.2 steps 1 to 3.
func (v *Verifier) find(m *message) (label string, input innerList, signature []byte, err error) {
	inputs, err := m.dictionary("signature-input")
	if err != nil {
		return "", input, nil, err
	}
	if label = v.opts.Label; label == "" {
		if len(inputs) != 1 {
			return "", input, nil, ErrMissing
		}
		label = inputs[0].key
	}
	signatures, err := m.dictionary("signature")
	if err != nil {
		return "", input, nil, err
	}
	value, ok := inputs.get(label)
	bytes, found := signatures.get(label)
	if !ok || !found {
		return "", input, nil, ErrMissing
	}
	input, isList := value.(innerList)
	it, _ := bytes.(item)
	if signature, ok = it.value.([]byte); !ok || !isList {
		return "", input, nil, ErrMalformed
	}
	return label, input, signature, nil
}

func (m *message) dictionary(field string) (dictionary, error) {
	d, err := parseDictionary(strings.Join(m.rawField(field), ", "))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMalformed, field, err)
	}
	return d, nil
}

// covered are the components of a signature, each there once.
func covered(input innerList) ([]component, error) {
	var all []component
	seen := map[string]bool{}
	for _, it := range input.items {
		name, _ := it.value.(string)
		c, err := checkComponent(component{name, it.params})
		if err != nil || seen[c.String()] {
			return nil, fmt.Errorf("%w: a component is unknown, or there twice", ErrMalformed)
		}
		seen[c.String()] = true
		all = append(all, c)
	}
	return all, nil
}

// parameters reads those that are known, each of which has its type; section 2.3.
func (v *Verifier) parameters(label string, input innerList) (*Signature, error) {
	s := &Signature{Label: label}
	alg := ""
	texts := map[string]*string{"keyid": &s.KeyID, "nonce": &s.Nonce, "tag": &s.Tag, "alg": &alg}
	times := map[string]*time.Time{"created": &s.Created, "expires": &s.Expires}
	for _, p := range input.params {
		ok := true
		if to := texts[p.key]; to != nil {
			*to, ok = p.value.(string)
		} else if to := times[p.key]; to != nil {
			var seconds int64
			seconds, ok = p.value.(int64)
			*to = time.Unix(seconds, 0)
		}
		if !ok {
			return nil, fmt.Errorf("%w: a parameter is of the wrong type", ErrMalformed)
		}
	}
	if alg != "" && alg != v.key.name {
		return nil, ErrMismatch
	}
	return s, nil
}

// checkPolicy holds a signature to the options, section 3.2.1.
func (v *Verifier) checkPolicy(s *Signature, now time.Time) error {
	o := v.opts
	if o.KeyID != "" && s.KeyID != o.KeyID || o.Tag != "" && s.Tag != o.Tag {
		return ErrMismatch
	}
	for _, c := range v.required {
		if !slices.Contains(s.Components, c.String()) {
			return ErrCoverage
		}
	}
	if !s.Expires.IsZero() && now.After(s.Expires.Add(o.Skew)) {
		return ErrTime
	}
	if s.Created.IsZero() {
		if o.MaxAge > 0 {
			return ErrTime
		}
		return nil
	}
	if s.Created.After(now.Add(o.Skew)) || o.MaxAge > 0 && now.After(s.Created.Add(o.MaxAge+o.Skew)) {
		return ErrTime
	}
	return nil
}

func (m *message) checkDigest(components []component) error {
	for _, c := range components {
		if c.name != "content-digest" {
			continue
		}
		if err := CheckDigest(strings.Join(m.rawField("content-digest"), ", "), m.body); err != nil {
			return fmt.Errorf("%w: %w", ErrDigest, err)
		}
	}
	return nil
}
