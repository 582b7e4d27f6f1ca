package checks

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

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

// vet finds what is wrong with the settings. sent are the header fields that the
// request has when it is signed, in lower case.
func (g *SignatureSettings) vet(s *Scope, sent []string) {
	if all := httpsig.Algorithms(); !slices.Contains(all, g.Algorithm) {
		if g.Algorithm == "" {
			return // missing, and that is noted
		}
		s.doc.Errorf(placeOf(g.node, "algorithm"), "unknown algorithm %q; want one of %s%s", g.Algorithm, strings.Join(all, ", "), strict.Nearest(g.Algorithm, all))
		return
	}
	if !g.vetComponents(s, sent) {
		return
	}
	placeholder := ""
	if g.KeyID.isSet() {
		placeholder = "x" // only the run may know it
	}
	if err := g.options("", placeholder).Check(); err != nil {
		s.doc.Errorf(g.node, "%v", err)
		return
	}
	g.signers = map[signerKey]*httpsig.Signer{}
	s.atLoadBoth(&g.Key, &g.KeyID, func(key, keyID, of string) {
		signer, err := g.signer(key, keyID)
		if err != nil {
			s.doc.Errorf(placeOf(g.node, "key"), "%s%v", of, err)
			return
		}
		g.signers[signerKey{key, keyID}] = signer
	})
}

// vetComponents reports whether all of them can be signed: a field that the request
// does not have would make every run an error of ours.
func (g *SignatureSettings) vetComponents(s *Scope, sent []string) bool {
	list, well := placeOf(g.node, "components"), true
	for i, text := range g.Components {
		at := list
		if list.Kind == yaml.SequenceNode && i < len(list.Content) {
			at = list.Content[i]
		}
		field, err := httpsig.CheckComponent(text)
		switch {
		case err != nil:
			s.doc.Errorf(at, "component %q: %v", text, err)
		case slices.Contains(g.Components[:i], text):
			s.doc.Errorf(at, "component %q is there twice", text)
		case field == "cookie":
			s.doc.Errorf(at, "component %q: cookies that the target has set join the request after it is signed", text)
		case field != "" && field != "content-digest" && !slices.Contains(sent, field):
			s.doc.Errorf(at, "component %q: the request does not have this header field%s", text, strict.Nearest(field, sent))
		default:
			continue
		}
		well = false
	}
	return well
}

func (g *SignatureSettings) options(key, keyID string) httpsig.Options {
	return httpsig.Options{
		Algorithm: g.Algorithm, Key: key, KeyID: keyID, Label: g.Label, Components: g.Components,
		Parameters: g.Parameters, Tag: g.Tag, Lifetime: time.Duration(g.Lifetime), Digest: g.Digest,
	}
}

func (g *SignatureSettings) signer(key, keyID string) (*httpsig.Signer, error) {
	if known := g.signers[signerKey{key, keyID}]; known != nil {
		return known, nil
	}
	return httpsig.NewSigner(g.options(key, keyID))
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

// placeOf is where the value of a key of a mapping stands, or the mapping where it
// has no such key.
func placeOf(n *yaml.Node, key string) *yaml.Node {
	if value := valueOf(n, key); value != nil {
		return value
	}
	return n
}
