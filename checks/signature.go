package checks

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/types"
	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/functions"
	"github.com/authprober/authprober/checks/internal/httpsig"
	"github.com/authprober/authprober/checks/internal/strict"
)

// SignatureSettings sign a request as HTTP Message Signatures have it (RFC 9421).
type SignatureSettings struct {
	// Key is the private key in PEM; for hmac-sha256 the shared secret.
	Key Template `yaml:"key,required"`
	// Algorithm is one of rsa-pss-sha512, rsa-v1_5-sha256, ecdsa-p256-sha256, ecdsa-p384-sha384, ed25519 and hmac-sha256.
	Algorithm string `yaml:"algorithm,required"`
	// KeyID is the keyid. The default is none.
	KeyID Template `yaml:"key_id"`
	// Components are what the signature covers, in this order: header fields and the derived components, such as "@method", "@target-uri" and content-digest. A Content-Digest (RFC 9530) that is covered is added where the request has none.
	Components []string `yaml:"components,required"`
	// Parameters are those the signature has, in this order, out of created, expires, keyid, alg, nonce and tag. The default is created, and the others that are set.
	Parameters []string `yaml:"parameters"`
	// Label is the name of the signature. The default is sig1.
	Label string `yaml:"label"`
	// Tag is the tag, which tells what the signature is for. The default is none.
	Tag string `yaml:"tag"`
	// Lifetime is the time from created to expires, in whole seconds. The default is none.
	Lifetime Duration `yaml:"lifetime"`
	// Digest is the algorithm of a Content-Digest that is added: sha-256, the default, or sha-512.
	Digest string `yaml:"digest"`

	node    *yaml.Node
	signers map[signerKey]*httpsig.Signer // of the keys that are known at load
}

// DecodeYAML implements strict.Decoder: it keeps the place for later mistakes.
func (g *SignatureSettings) DecodeYAML(d *strict.Document, n *yaml.Node) {
	type plain SignatureSettings
	var set plain
	d.Decode(n, &set)
	*g = SignatureSettings(set)
	g.node = n
}

func (g *SignatureSettings) templates(f func(*Template)) {
	f(&g.Key)
	f(&g.KeyID)
}

func (g *SignatureSettings) vet(s *Scope) {
	if all := httpsig.Algorithms(); !slices.Contains(all, g.Algorithm) {
		s.doc.Errorf(g.node, "unknown algorithm %q%s; want one of %s", g.Algorithm, strict.Nearest(g.Algorithm, all), strings.Join(all, ", "))
		return
	}
	g.signers = map[signerKey]*httpsig.Signer{}
	s.atLoadBoth(&g.Key, &g.KeyID, func(key, keyID, of string) {
		signer, err := g.signer(key, keyID)
		if err != nil {
			s.doc.Errorf(g.node, "%s%v", of, err)
			return
		}
		g.signers[signerKey{key, keyID}] = signer
	})
}

func (g *SignatureSettings) signer(key, keyID string) (*httpsig.Signer, error) {
	if known := g.signers[signerKey{key, keyID}]; known != nil {
		return known, nil
	}
	return httpsig.NewSigner(httpsig.Options{
		Algorithm: g.Algorithm, Key: key, KeyID: keyID, Label: g.Label, Components: g.Components,
		Parameters: g.Parameters, Tag: g.Tag, Lifetime: time.Duration(g.Lifetime), Digest: g.Digest,
	})
}

func (g *SignatureSettings) sign(req *http.Request, body []byte, s *Session) error {
	key, err := g.Key.text(s, nil)
	if err != nil {
		return err
	}
	keyID, err := textOr(&g.KeyID, s, "")
	if err != nil {
		return err
	}
	signer, err := g.signer(key, keyID)
	if err != nil {
		return err
	}
	return signer.Sign(req, body, time.Now())
}

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

func (j *JWSSettings) vet(s *Scope) {
	if !validToken(j.Field) {
		s.doc.Errorf(j.node, "%q is no name of a header field", j.Field)
	}
	key := SigningKey{Key: j.Key, Algorithm: j.Algorithm}
	at := j.node
	if alg := valueOf(j.node, "algorithm"); alg != nil {
		at = alg
	}
	key.vet(s, at)
}

func (j *JWSSettings) sign(req *http.Request, body []byte, s *Session) error {
	key, err := j.Key.text(s, nil)
	if err != nil {
		return err
	}
	signer, err := s.flow.signer(key, j.Algorithm)
	if err != nil {
		return err
	}
	header, err := j.header(s)
	if err != nil {
		return err
	}
	text, err := signer.Detached(body, header, j.Unencoded)
	if err == nil {
		req.Header.Set(j.Field, text)
	}
	return err
}

func (j *JWSSettings) header(s *Session) (map[string]any, error) {
	if !j.Header.isSet() {
		return nil, nil
	}
	var b bytes.Buffer
	if err := j.Header.encode(&b, s); err != nil {
		return nil, err
	}
	v, err := decodeJSON(b.Bytes())
	if err != nil {
		return nil, err
	}
	header, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the header of a JWS is an object, and this one is %s", kindOf(v))
	}
	return header, nil
}

// SignSettings sign a request in a dialect of its own: what is signed, and where the
// signature goes, are templates. Expressions in them also read `request` (method,
// url, host, path, query, target: the path with its query, headers.NAME with the name
// in lower case, and body), and those in headers read `signature`, in bytes.
type SignSettings struct {
	// Text is what is signed.
	Text Template `yaml:"text,required"`
	// Key is the private key in PEM; for HS256 and its like the shared secret.
	Key Template `yaml:"key,required"`
	// Algorithm is one of the helper sign: RS256, PS256, ES256, ES256-DER, EdDSA, HS256 and others.
	Algorithm string `yaml:"algorithm,required"`
	// Before are header fields that are set before the text is made, such as a Digest.
	Before Pairs `yaml:"before"`
	// Headers are header fields that are set with the signature.
	Headers Pairs `yaml:"headers,required"`

	node *yaml.Node
}

// DecodeYAML implements strict.Decoder: it keeps the place for later mistakes.
func (g *SignSettings) DecodeYAML(d *strict.Document, n *yaml.Node) {
	type plain SignSettings
	var set plain
	d.Decode(n, &set)
	*g = SignSettings(set)
	g.node = n
}

func (g *SignSettings) templates(f func(*Template)) {
	f(&g.Text)
	f(&g.Key)
	for _, pairs := range []Pairs{g.Before, g.Headers} {
		for i := range pairs {
			f(&pairs[i].Value)
		}
	}
}

// requestNames are the members of request.
var requestNames = types.Map{
	"method": types.String, "url": types.String, "host": types.String, "path": types.String, "query": types.String,
	"target": types.String, "headers": types.Any, "body": types.TypeOf([]byte(nil)),
}

// vet compiles the templates: they see more than those of the step.
func (g *SignSettings) vet(s *Scope) {
	g.Key.compile(s)
	before := s.with("request", requestNames)
	g.Before.compile(before)
	g.Text.compile(before)
	g.Headers.compile(before.with("signature", types.TypeOf([]byte(nil))))
	slices.Concat(g.Before, g.Headers).vetHeaders(s)
	s.atLoad(&g.Key, func(key, of string) {
		if _, err := functions.Sign(nil, key, g.Algorithm); err != nil {
			s.doc.Errorf(g.node, "%s%v", of, err)
		}
	})
}

func (g *SignSettings) sign(req *http.Request, body []byte, s *Session) error {
	defer delete(s.vars, "request")
	defer delete(s.vars, "signature")
	s.vars["request"] = describeRequest(req, body)
	if err := g.Before.setHeaders(req, s); err != nil {
		return err
	}
	s.vars["request"] = describeRequest(req, body)
	text, err := g.Text.text(s, nil)
	if err != nil {
		return err
	}
	key, err := g.Key.text(s, nil)
	if err != nil {
		return err
	}
	signature, err := functions.Sign([]byte(text), key, g.Algorithm)
	if err != nil {
		return err
	}
	s.vars["signature"] = signature
	return g.Headers.setHeaders(req, s)
}

// describeRequest is a request as the expressions of a dialect see it.
func describeRequest(req *http.Request, body []byte) map[string]any {
	headers := map[string]any{"host": req.Host}
	for name := range req.Header {
		headers[strings.ToLower(name)] = strings.Join(req.Header.Values(name), ", ")
	}
	return map[string]any{
		"method": req.Method, "url": req.URL.String(), "host": req.Host, "path": req.URL.EscapedPath(),
		"query": req.URL.RawQuery, "target": req.URL.RequestURI(), "headers": headers, "body": body,
	}
}

// with is the scope with one more name in reach.
func (s *Scope) with(name string, of types.Type) *Scope {
	inner := *s
	inner.names = make(types.Map, len(s.names)+1)
	for known, t := range s.names {
		inner.names[known] = t
	}
	inner.names[name] = of
	return &inner
}
