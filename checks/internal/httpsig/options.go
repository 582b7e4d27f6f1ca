package httpsig

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Options say how to sign. Of the zero value only Algorithm and Key must be set.
type Options struct {
	// Algorithm is one of [Algorithms].
	Algorithm string
	// Key is a private key in PEM of the kind the algorithm asks for, an RSA key
	// of at least 2048 bits; for hmac-sha256 it is the shared secret, byte for
	// byte, of at least 32.
	Key string
	// Label is the signature's name in the two fields: lower-case letters, digits
	// and _-.*, beginning with a letter or *. The default is sig1.
	Label string
	// Components are what the signature covers, in this order: names of header
	// fields, which may have ;bs, ;key=NAME or ;sf, and @method, @target-uri,
	// @authority, @scheme, @request-target, @path, @query and
	// @query-param;name=NAME. None means that nothing of the request is signed.
	Components []string
	// Parameters are those the signature has, in this order, out of created,
	// expires, keyid, alg, nonce and tag. The default is created, then keyid,
	// expires and tag, each if it is set.
	Parameters []string
	// KeyID and Tag are the values of keyid and tag, in printable ASCII.
	KeyID, Tag string
	// Lifetime is from created to expires, in whole seconds.
	Lifetime time.Duration
	// Nonce makes the nonces. It must be safe for concurrent use, and what it
	// makes printable ASCII. The default is 128 random bits in base64url.
	Nonce func() string
	// Digest is the algorithm of the Content-Digest that is added, one of
	// [DigestAlgorithms]. The default is sha-256.
	Digest string
}

// Check finds what is wrong with the options other than with the key, which may
// not be known yet.
func (o Options) Check() error {
	o.fill()
	_, err := o.check()
	return err
}

// fill sets what has a default.
func (o *Options) fill() {
	if o.Label == "" {
		o.Label = "sig1"
	}
	if o.Digest == "" {
		o.Digest = "sha-256"
	}
	if o.Nonce == nil {
		o.Nonce = randomNonce
	}
	if o.Parameters == nil {
		o.Parameters = o.defaults()
	}
	o.Parameters = slices.Clone(o.Parameters)
}

func randomNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails; see its documentation
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// A valuedParameter is a parameter whose value is among the options, if it is set.
type valuedParameter struct {
	name string
	set  bool
}

// valued are the parameters with a value among the options, in the order they
// have by default.
func (o *Options) valued() []valuedParameter {
	return []valuedParameter{{"keyid", o.KeyID != ""}, {"expires", o.Lifetime > 0}, {"tag", o.Tag != ""}}
}

func (o *Options) defaults() []string {
	names := []string{"created"}
	for _, p := range o.valued() {
		if p.set {
			names = append(names, p.name)
		}
	}
	return names
}

var allParameters = []string{"created", "expires", "keyid", "alg", "nonce", "tag"}

func (o *Options) check() ([]component, error) {
	if _, err := findAlgorithm(o.Algorithm); err != nil {
		return nil, err
	}
	if !isKey(o.Label) {
		return nil, errors.New("the label must be of a-z, 0-9 and _-.*, and begin with a letter or *")
	}
	if _, err := hash(nil, o.Digest); err != nil {
		return nil, err
	}
	if err := o.checkParameters(); err != nil {
		return nil, err
	}
	return parseComponents(o.Components)
}

func (o *Options) checkParameters() error {
	if !printable(o.KeyID) || !printable(o.Tag) {
		return errors.New("keyid and tag must be printable ASCII")
	}
	for i, name := range o.Parameters {
		if !slices.Contains(allParameters, name) {
			return fmt.Errorf("parameter %q is none of %s", name, strings.Join(allParameters, ", "))
		}
		if slices.Contains(o.Parameters[:i], name) {
			return fmt.Errorf("parameter %q is there twice", name)
		}
	}
	if o.Lifetime < 0 || o.Lifetime%time.Second != 0 {
		return errors.New("the lifetime must be whole seconds")
	}
	for _, p := range o.valued() {
		if slices.Contains(o.Parameters, p.name) != p.set {
			return fmt.Errorf("%s must be both among the parameters and set, or neither", p.name)
		}
	}
	return nil
}
