package httpsig

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

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
	o.fill()
	components, err := o.check()
	if err != nil {
		return nil, err
	}
	key, err := newSigningKey(o.Algorithm, o.Key)
	if err != nil {
		return nil, err
	}
	return &Signer{o, key, components}, nil
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
