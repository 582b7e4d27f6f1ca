package checks

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/jsonvalue"
	"github.com/authprober/authprober/checks/internal/strict"
)

// JWSSettings sign the body by a detached JWS in a header field (RFC 7515 appendix
// F), as Open Banking has it.
type JWSSettings struct {
	// Field is the header field, such as x-jws-signature.
	Field string `yaml:"field,required"`
	// Key is the private key in PEM.
	Key Template `yaml:"key,required"`
	// Algorithm is the JWS algorithm: RS256, PS256, ES256, ES384 or EdDSA.
	Algorithm string `yaml:"algorithm,required"`
	// Header is the protected header beside alg, as data: kid, typ, crit and what crit names.
	Header Value `yaml:"header"`
	// Unencoded signs the body as it is and not its base64url, with b64 false in the header (RFC 7797).
	Unencoded bool `yaml:"unencoded"`

	node *yaml.Node
}

// DecodeYAML implements strict.Decoder: it keeps the place for later mistakes.
func (j *JWSSettings) DecodeYAML(d *strict.Document, n *yaml.Node) {
	type plain JWSSettings
	var set plain
	d.Decode(n, &set)
	*j = JWSSettings(set)
	j.node = n
}

func (j *JWSSettings) templates(f func(*Template)) {
	f(&j.Key)
	j.Header.templates(f)
}

// vet finds what is wrong with the settings. Where nothing in them needs a run, it
// signs with them as a run will, with each account's key.
func (j *JWSSettings) vet(s *Scope, authorized bool) {
	if j.Field != "" {
		Pairs{{Name: j.Field, node: placeOf(j.node, "field")}}.vetRequestHeaders(s, authorized)
	}
	if !slices.Contains(privateAlgorithms, j.Algorithm) {
		if j.Algorithm == "" {
			return // missing, and that is noted
		}
		s.doc.Errorf(placeOf(j.node, "algorithm"), "unknown algorithm %q; want one of %s%s", j.Algorithm,
			strings.Join(privateAlgorithms, ", "), strict.Nearest(j.Algorithm, privateAlgorithms))
		return
	}
	if j.Header.isSet() && j.Header.kind != objectValue && j.Header.kind != templateValue {
		s.doc.Errorf(placeOf(j.node, "header"), "the header of a JWS is an object")
		return
	}
	keys := map[string]bool{}
	s.atLoad(&j.Key, func(key, of string) {
		if err := s.flow.learn(key, j.Algorithm); err != nil {
			s.doc.Errorf(placeOf(j.node, "key"), "%s%v", of, err)
			return
		}
		keys[key] = true
	})
	j.vetHeader(s, keys)
}

// vetHeader tries the header with one of the keys: its crit may name what it does
// not have.
func (j *JWSSettings) vetHeader(s *Scope, keys map[string]bool) {
	var reads []*Template
	j.Header.templates(func(t *Template) { reads = append(reads, t) })
	names, known := readsOf(reads...)
	if !known || names["account"] {
		return
	}
	session := &Session{flow: s.flow, vars: map[string]any{"env": s.flow.env, "secrets": s.flow.secrets}}
	for key := range keys {
		if _, err := j.signature(key, nil, session); err != nil {
			s.doc.Errorf(placeOf(j.node, "header"), "%v", err)
		}
		return
	}
}

func (j *JWSSettings) sign(req *http.Request, body []byte, s *Session) error {
	key, err := j.Key.text(s, nil)
	if err != nil {
		return err
	}
	text, err := j.signature(key, body, s)
	if err == nil {
		req.Header.Set(j.Field, text)
	}
	return err
}

func (j *JWSSettings) signature(key string, body []byte, s *Session) (string, error) {
	signer, err := s.flow.signer(key, j.Algorithm)
	if err != nil {
		return "", err
	}
	header, err := j.header(s)
	if err != nil {
		return "", err
	}
	return signer.Detached(body, header, j.Unencoded)
}

func (j *JWSSettings) header(s *Session) (map[string]any, error) {
	if !j.Header.isSet() {
		return nil, nil
	}
	var b bytes.Buffer
	if err := j.Header.encode(&b, s); err != nil {
		return nil, err
	}
	v, err := jsonvalue.Decode(b.Bytes())
	if err != nil {
		return nil, err
	}
	header, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the header of a JWS is an object, and this one is %s", kindOf(v))
	}
	return header, nil
}
