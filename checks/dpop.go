package checks

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/dpop"
	"github.com/authprober/authprober/checks/internal/strict"
)

// A DPoPKey is the key that tokens are bound to (RFC 9449).
type DPoPKey struct {
	// Key is the private key in PEM. It may be that of an account. The default is a new one in each run.
	Key Template `yaml:"key"`
	// Algorithm is that of its proofs: ES256, the default, ES384, EdDSA, PS256 or RS256.
	Algorithm string `yaml:"algorithm"`
}

func (k *DPoPKey) vet(s *Scope, at *yaml.Node) {
	if k.Algorithm == "" {
		k.Algorithm = dpop.DefaultAlgorithm
	}
	if all := dpop.Algorithms(); !slices.Contains(all, k.Algorithm) {
		s.doc.Errorf(at, "unknown algorithm %q; want one of %s%s", k.Algorithm, strings.Join(all, ", "), strict.Nearest(k.Algorithm, all))
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
	if !p.clientKey(s) {
		p.key.vet(s, p.node)
	}
	for _, c := range p.Claims {
		if !slices.Contains(proofClaims, c.Name) {
			s.doc.Errorf(c.node, "the claim %q of a proof cannot be replaced%s; want one of %s", c.Name,
				strict.Nearest(c.Name, proofClaims), strings.Join(proofClaims, ", "))
		}
	}
}

// clientKey takes the key that the tokens of the flow are bound to: that of its
// client, whose mistakes are noted there.
func (p *DPoPSettings) clientKey(s *Scope) (taken bool) {
	if p.Key.isSet() || p.Algorithm != "" {
		return false
	}
	for _, c := range s.flow.clients {
		switch {
		case c.DPoP == nil:
		case !taken:
			p.key, taken = *c.DPoP, true
		case c.DPoP.Key.Source != p.key.Key.Source || c.DPoP.Algorithm != p.key.Algorithm:
			s.doc.Errorf(p.node, "the clients of the flow have different DPoP keys; say with key and algorithm which one signs")
			return true
		}
	}
	return taken
}
