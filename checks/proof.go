package checks

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/authprober/authprober/checks/internal/dpop"
	"github.com/authprober/authprober/prober"
)

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
	s.hideComputed(&p.Token, made.token)
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
		s.secrets = append(s.secrets, req.Header.Get("DPoP"))
		if err := s.signAndExchange(c, req); err != nil {
			return err
		}
		s.noteNonce(of, dpop.Nonce(s.answer.header))
		if _, fixed := p.claims["nonce"]; fixed {
			return nil // it is wrong on purpose, and this is what comes of it
		}
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
	s.secrets = append(s.secrets, nonce)
}
