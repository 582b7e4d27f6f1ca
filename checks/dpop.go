package checks

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/dpop"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// A DPoPKey is the key that tokens are bound to (RFC 9449).
type DPoPKey struct {
	// Key is the private key in PEM. It may be that of an account. The default is a new one in each run.
	Key Template `yaml:"key"`
	// Algorithm is that of its proofs: ES256, the default, ES384, EdDSA, PS256 or RS256.
	Algorithm string `yaml:"algorithm"`
}

func (k *DPoPKey) vet(s *Scope) {
	if k.Algorithm == "" {
		k.Algorithm = dpop.DefaultAlgorithm
	}
	if all := dpop.Algorithms(); !slices.Contains(all, k.Algorithm) {
		s.doc.Errorf(k.Key.node, "unknown algorithm %q%s; want one of %s", k.Algorithm, strict.Nearest(k.Algorithm, all), strings.Join(all, ", "))
		return
	}
	s.atLoad(&k.Key, func(text, of string) {
		key, err := dpop.ParseKey(text, k.Algorithm)
		if err != nil {
			s.doc.Errorf(k.Key.node, "%s%v", of, err)
			return
		}
		s.flow.proofKeys[signerKey{text, k.Algorithm}] = key
	})
}

// DPoPSettings say how one request proves that it has the key of its access token.
type DPoPSettings struct {
	// Token is the access token; it is sent with the scheme DPoP. Without one the request has a proof alone, as at a token endpoint.
	Token Template `yaml:"token"`
	// Key is the private key in PEM. The default is that of the flow's client if it has one, and else a new one in each run.
	Key Template `yaml:"key"`
	// Algorithm is that of the proof: ES256, the default, ES384, EdDSA, PS256 or RS256.
	Algorithm string `yaml:"algorithm"`
	// Claims replace those of the proof, to send one that must be refused: htm, htu, jti, ath or nonce; one whose text is empty is left out.
	Claims Pairs `yaml:"claims"`

	key  DPoPKey
	node *yaml.Node
}

// DecodeYAML implements strict.Decoder: `dpop: TOKEN` is short for {token: TOKEN}.
func (p *DPoPSettings) DecodeYAML(d *strict.Document, n *yaml.Node) {
	p.node = n
	if n.Kind == yaml.ScalarNode {
		d.Decode(n, &p.Token)
		return
	}
	type plain DPoPSettings
	var set plain
	d.Decode(n, &set)
	*p = DPoPSettings(set)
	p.node = n
}

func (p *DPoPSettings) templates(f func(*Template)) {
	f(&p.Token)
	f(&p.Key)
	for i := range p.Claims {
		f(&p.Claims[i].Value)
	}
}

// proofClaims are those that a flow may replace.
var proofClaims = []string{"htm", "htu", "jti", "ath", "nonce"}

// vet is called when the templates are compiled.
func (p *DPoPSettings) vet(s *Scope) {
	p.key = DPoPKey{Key: p.Key, Algorithm: p.Algorithm}
	for _, c := range s.flow.clients { // the key that the tokens of the flow are bound to
		if c.DPoP != nil && !p.Key.isSet() {
			p.key = *c.DPoP
			break
		}
	}
	p.key.vet(s)
	for _, c := range p.Claims {
		if !slices.Contains(proofClaims, c.Name) {
			s.doc.Errorf(c.node, "the claim %q of a proof cannot be replaced%s; want one of %s", c.Name,
				strict.Nearest(c.Name, proofClaims), strings.Join(proofClaims, ", "))
		}
	}
}

// The two kinds of servers, whose nonces are kept apart (RFC 9449 section 9).
type role uint8

const (
	forAuthorizationServer role = iota
	forResourceServer
)

// A nonceOf tells the nonces of a run apart: those of servers and of their roles.
type nonceOf struct {
	origin string
	role   role
}

// A proof is what the requests of one step are signed with.
type proof struct {
	key    *dpop.Key
	role   role
	token  string
	claims map[string]any
}

// proofKey is the key itself: one that is known at load, one that the run makes
// of the flow's values, or the run's own.
func (k *DPoPKey) proofKey(s *Session) (*dpop.Key, error) {
	if k.Key.isSet() {
		text, err := k.Key.text(s, nil)
		if err != nil {
			return nil, err
		}
		if known := s.flow.proofKeys[signerKey{text, k.Algorithm}]; known != nil {
			return known, nil
		}
		return dpop.ParseKey(text, k.Algorithm)
	}
	if s.proofKeys[k.Algorithm] == nil {
		key, err := dpop.NewKey(k.Algorithm)
		if err != nil {
			return nil, err
		}
		if s.proofKeys == nil {
			s.proofKeys = map[string]*dpop.Key{}
		}
		s.proofKeys[k.Algorithm] = key
	}
	return s.proofKeys[k.Algorithm], nil
}

// proof is what the client's requests are signed with; nil where they are not.
func (c *Client) proof(s *Session, role role) (*proof, error) {
	if c.DPoP == nil {
		return nil, nil
	}
	key, err := c.DPoP.proofKey(s)
	return &proof{key: key, role: role}, err
}

// asks implements [asker] for the steps of a client: a server may want the proof of
// its key with a nonce of its own.
func (st *ClientStep) asks() int {
	if st.client != nil && st.client.DPoP != nil {
		return 2
	}
	return 1
}

// bindCode says in an authorization request which key the code will be used with.
func (c *Client) bindCode(s *Session, params url.Values) error {
	key, err := c.DPoP.proofKey(s)
	if err == nil {
		params.Set("dpop_jkt", key.Thumbprint())
	}
	return err
}

// proof is what the request of a step is signed with.
func (p *DPoPSettings) proof(s *Session) (*proof, error) {
	key, err := p.key.proofKey(s)
	if err != nil {
		return nil, err
	}
	made := &proof{key: key, role: forResourceServer}
	if made.token, err = textOr(&p.Token, s, ""); err != nil {
		return nil, err
	}
	for i := range p.Claims {
		text, err := p.Claims[i].Value.text(s, nil)
		if err != nil {
			return nil, err
		}
		if made.claims == nil {
			made.claims = map[string]any{}
		}
		made.claims[p.Claims[i].Name] = text
		if text == "" {
			made.claims[p.Claims[i].Name] = nil
		}
	}
	return made, nil
}

// A call is an exchange that a step wants to make.
type call struct {
	build  func() (*http.Request, error) // makes the request anew each time it is sent
	proof  *proof                        // nil without one
	sign   func(*http.Request) error     // signs what is ready but for its signatures; may be nil
	follow int                           // redirects
	limit  int64                         // of the answer's body, in bytes
}

// send makes one exchange of the step. With a proof the request is signed; where
// the server answers that it wants a nonce in the proof, it is made and signed once
// more with that nonce, which is how the protocol begins and no retry (RFC 9449
// sections 8 and 9). A server that then wants another nonce is a challenge loop.
func (s *Session) send(c call) error {
	p := c.proof
	for again := false; ; again = true {
		req, err := c.build()
		if err != nil {
			return err
		}
		if p == nil {
			return s.signAndExchange(c, req)
		}
		of := nonceOf{req.URL.Scheme + "://" + strings.ToLower(req.URL.Host), p.role}
		if err := p.sign(req, s.nonces[of]); err != nil {
			return err
		}
		if err := s.signAndExchange(c, req); err != nil {
			return err
		}
		s.noteNonce(of, dpop.Nonce(s.answer.header))
		nonce, wanted := dpop.NonceWanted(s.answer.status, s.answer.header, s.oauthError())
		switch {
		case !wanted:
			return nil
		case nonce == "":
			return Failf(prober.ReasonBadResponse, "the server wants a nonce in the DPoP proof and gives none (status %d)", s.answer.status)
		case again:
			return Failf(prober.ReasonChallenge, "the server gave a nonce for the DPoP proof and then wanted another one (status %d)", s.answer.status)
		}
		s.again()
	}
}

func (s *Session) signAndExchange(c call, req *http.Request) error {
	if c.sign != nil {
		if err := c.sign(req); err != nil {
			return err
		}
	}
	return s.exchange(req, c.follow, c.limit)
}

func (p *proof) sign(req *http.Request, nonce string) error {
	text, err := p.key.Proof(dpop.Proof{
		Method: req.Method, URL: req.URL.String(), AccessToken: p.token, Nonce: nonce, Now: time.Now(), Claims: p.claims,
	})
	if err == nil {
		req.Header.Set("DPoP", text)
	}
	return err
}

// noteNonce keeps the nonce that a server hands out for the requests to come.
func (s *Session) noteNonce(of nonceOf, nonce string) {
	if nonce == "" {
		return
	}
	if s.nonces == nil {
		s.nonces = map[nonceOf]string{}
	}
	s.nonces[of] = nonce
}
