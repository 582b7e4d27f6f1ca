package httpsig

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
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

// A Signer signs requests with one key and one way of doing it. It is safe for
// concurrent use. Making one for an RSA key takes about as long as signing does.
type Signer struct {
	opts       Options
	key        *signingKey
	components []component
}

// NewSigner reads the options, and finds whatever is wrong with them before there
// is a request.
func NewSigner(o Options) (*Signer, error) {
	key, err := newSigningKey(o.Algorithm, o.Key)
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	components, err := parseComponents(o.Components)
	if err != nil {
		return nil, err
	}
	return &Signer{o, key, components}, nil
}

// Check finds what is wrong with the options but for the components and the key,
// which may not be there yet. [CheckComponent] is for the components.
func (o Options) Check() error {
	if _, err := findAlgorithm(o.Algorithm); err != nil {
		return err
	}
	o = o.withDefaults()
	return o.check()
}

func (o Options) withDefaults() Options {
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
	return o
}

func randomNonce() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails; see its documentation
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (o *Options) defaults() []string {
	names := []string{"created"}
	for _, p := range []struct {
		name string
		set  bool
	}{{"keyid", o.KeyID != ""}, {"expires", o.Lifetime != 0}, {"tag", o.Tag != ""}} {
		if p.set {
			names = append(names, p.name)
		}
	}
	return names
}

var allParameters = []string{"created", "expires", "keyid", "alg", "nonce", "tag"}

func (o *Options) check() error {
	if !isKey(o.Label) {
		return errors.New("the label must be of a-z, 0-9 and _-.*, and begin with a letter or *")
	}
	if _, err := hash(nil, o.Digest); err != nil {
		return err
	}
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
	for name, set := range map[string]bool{"keyid": o.KeyID != "", "expires": o.Lifetime > 0, "tag": o.Tag != ""} {
		if listed := slices.Contains(o.Parameters, name); listed != set {
			return fmt.Errorf("%s must be both among the parameters and set, or neither", name)
		}
	}
	return nil
}

// Sign adds a signature, made at now, to a request that is ready but for it: its
// fields, among them Signature-Input and Signature, must not be changed by
// anybody else meanwhile. body is what is sent, for content-length and
// content-digest.
//
// Where content-digest is covered and the request has none, Sign sets it; one
// that is there stays, right or wrong. Other signatures stay too; one with the
// same label is an error. After an error the request is as it was, but for the
// Content-Digest.
func (s *Signer) Sign(req *http.Request, body []byte, now time.Time) error {
	if req.Header == nil {
		req.Header = http.Header{}
	}
	if err := s.addDigest(req, body); err != nil {
		return err
	}
	input, err := s.input(now)
	if err != nil {
		return err
	}
	m := &message{req, body}
	base, err := m.base(s.components, input)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	inputs, err := m.withMember("signature-input", s.opts.Label, input)
	if err != nil {
		return err
	}
	signature, err := s.key.sign(base)
	if err != nil {
		return fmt.Errorf("signing with %s: %w", s.key.name, err)
	}
	signatures, err := m.withMember("signature", s.opts.Label, item{value: signature})
	if err != nil {
		return err
	}
	req.Header.Set("Signature-Input", inputs)
	req.Header.Set("Signature", signatures)
	return nil
}

func (s *Signer) addDigest(req *http.Request, body []byte) error {
	covered := slices.ContainsFunc(s.components, func(c component) bool { return c.name == "content-digest" })
	if m := (&message{req, body}); !covered || len(m.rawField("content-digest")) > 0 {
		return nil
	}
	d, err := Digest(body, s.opts.Digest, FormField)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Digest", d)
	return nil
}

// input is the value of @signature-params, RFC 9421 section 2.3.
func (s *Signer) input(now time.Time) (innerList, error) {
	var l innerList
	for _, c := range s.components {
		l.items = append(l.items, item{c.name, c.params})
	}
	for _, name := range s.opts.Parameters {
		var v any
		switch name {
		case "created":
			v = now.Unix()
		case "expires":
			v = now.Add(s.opts.Lifetime).Unix()
		case "keyid":
			v = s.opts.KeyID
		case "alg":
			v = s.key.name
		case "tag":
			v = s.opts.Tag
		case "nonce":
			nonce := s.opts.Nonce()
			if !printable(nonce) {
				return l, errors.New("signing: the nonce is not printable ASCII")
			}
			v = nonce
		}
		l.params = append(l.params, param{name, v})
	}
	return l, nil
}

// withMember is the value of a field, to which the signatures so far belong, with
// one member more.
func (m *message) withMember(field, label string, value any) (string, error) {
	d, err := parseDictionary(strings.Join(m.rawField(field), ", "))
	if err != nil {
		return "", fmt.Errorf("signing: the request's %s is no dictionary: %w", field, err)
	}
	if _, taken := d.get(label); taken {
		return "", fmt.Errorf("signing: the request has a signature %q already", label)
	}
	return append(d, member{label, value}).String(), nil
}
