package jose

import (
	"crypto/rsa"
	"encoding/json"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/authprober/authprober/checks/internal/pemkey"
)

// private are the members that must not be published, RFC 7518 section 6 and
// RFC 8037 section 2.
var private = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// unused are registered curves that no algorithm of this package has; a key on
// one of them may be there for others.
var unused = []string{"secp256k1", "X25519", "X448", "Ed448"}

// readKey reads one key of a set. what is wrong with it is "" for a good key and
// for one that is to be ignored; of both kinds of others public is nil.
func readKey(v any) (key setKey, what string) {
	m, ok := v.(map[string]any)
	if !ok {
		return setKey{print: canonical(v)}, "it is no JSON object"
	}
	key.print = canonical(m)
	if what = key.describe(m); what != "" {
		return key, what
	}
	kty, ok := m["kty"].(string)
	if !ok {
		return key, "it has no kty"
	}
	switch kty {
	case "oct":
		return key, publishedSecret
	case "RSA", "EC", "OKP":
	default:
		return key, ""
	}
	if slices.ContainsFunc(private, func(name string) bool { _, there := m[name]; return there }) {
		return key, publishedPrivate
	}
	if crv, _ := m["crv"].(string); kty != "RSA" && slices.Contains(unused, crv) {
		return key, ""
	}
	if what = key.parse(kty, m); what == "" {
		key.print, _ = Thumbprint(m) // it was just parsed
	}
	return key, what
}

// describe reads the members that say what the key is for, RFC 7517 section 4.
func (k *setKey) describe(m map[string]any) (what string) {
	for name, to := range map[string]*string{"kid": &k.id, "use": &k.use, "alg": &k.alg} {
		if v, there := m[name]; there {
			var ok bool
			if *to, ok = v.(string); !ok {
				what = "its kid, use or alg is no text"
			}
		}
	}
	k.hasID = m["kid"] != nil && what == ""
	if ops, there := m["key_ops"]; there && what == "" {
		var ok bool
		if k.ops, ok = ops.([]any); !ok {
			what = "its key_ops are no list"
		}
	}
	return what
}

// parse reads the key itself, from nothing but the members that make it: a wrong
// certificate beside it is another matter.
func (k *setKey) parse(kty string, m map[string]any) (what string) {
	only := map[string]any{}
	for _, name := range required[kty] {
		only[name] = m[name]
	}
	text, err := json.Marshal(only)
	if err != nil {
		return "it is malformed"
	}
	if crv, _ := m["crv"].(string); kty == "EC" && !slices.Contains(curves, crv) ||
		kty == "OKP" && crv != "Ed25519" {
		return "its crv is none that its kty has"
	}
	var parsed jose.JSONWebKey
	if parsed.UnmarshalJSON(text) != nil || !parsed.Valid() {
		if kty == "RSA" {
			return "it is malformed, or has more than 4096 bits"
		}
		return "it is malformed, or not on its curve"
	}
	if rsaKey, ok := parsed.Key.(*rsa.PublicKey); ok && rsaKey.N.BitLen() < 2048 {
		return "it has fewer than 2048 bits"
	}
	if want, known := keyKinds[k.alg]; known && want != pemkey.Kind(parsed.Key) {
		return "its alg is for keys of another kind or curve"
	}
	k.public = parsed.Key
	return ""
}
