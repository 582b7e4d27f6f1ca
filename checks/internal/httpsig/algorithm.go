package httpsig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/authprober/authprober/checks/internal/pemkey"
)

// An algorithm is an entry of the registry of HTTP signature algorithms, RFC 9421
// section 3.3.
type algorithm struct {
	name string
	kind string      // of the key, as pemkey.Kind names it; "" for a shared secret
	hash crypto.Hash // 0 where the algorithm hashes by itself
	size int         // of r and of s, in bytes
}

var algorithms = []algorithm{
	{"rsa-pss-sha512", "an RSA key", crypto.SHA512, 0},
	{"rsa-v1_5-sha256", "an RSA key", crypto.SHA256, 0},
	{"ecdsa-p256-sha256", "an EC key on P-256", crypto.SHA256, 32},
	{"ecdsa-p384-sha384", "an EC key on P-384", crypto.SHA384, 48},
	{"ed25519", "an Ed25519 key", 0, 0},
	{"hmac-sha256", "", crypto.SHA256, 0},
}

// minSecret is how long a shared secret must be at least, in bytes: as long as
// the hash, RFC 2104 section 3.
const minSecret = 32

// Algorithms lists the algorithms there are, by their names in the registry.
func Algorithms() []string {
	var names []string
	for _, a := range algorithms {
		names = append(names, a.name)
	}
	return names
}

func findAlgorithm(name string) (algorithm, error) {
	i := slices.IndexFunc(algorithms, func(a algorithm) bool { return a.name == name })
	if i < 0 {
		return algorithm{}, fmt.Errorf("the algorithm is none of %s", strings.Join(Algorithms(), ", "))
	}
	return algorithms[i], nil
}

// A signingKey signs with one key. It is safe for concurrent use.
type signingKey struct {
	algorithm
	private crypto.Signer // nil for a shared secret
	secret  []byte
}

func newSigningKey(name, key string) (*signingKey, error) {
	a, err := findAlgorithm(name)
	if err != nil {
		return nil, err
	}
	if a.kind == "" {
		return &signingKey{algorithm: a, secret: []byte(key)}, a.checkSecret(key)
	}
	private, err := pemkey.Private(key)
	if err != nil {
		return nil, fmt.Errorf("the key for %s: %w", name, err)
	}
	return &signingKey{algorithm: a, private: private}, a.check(private.Public())
}

func (a algorithm) checkSecret(secret string) error {
	if len(secret) < minSecret {
		return fmt.Errorf("the key for %s has %d bytes, want at least %d", a.name, len(secret), minSecret)
	}
	return nil
}

// check tells whether a public key is one for the algorithm.
func (a algorithm) check(public crypto.PublicKey) error {
	if got := pemkey.Kind(public); got != a.kind {
		return fmt.Errorf("the key for %s is %s, want %s", a.name, got, a.kind)
	}
	if k, ok := public.(*rsa.PublicKey); ok && k.N.BitLen() < 2048 {
		return fmt.Errorf("the key for %s has %d bits, want at least 2048", a.name, k.N.BitLen())
	}
	return nil
}

// digest is what is signed of data: its hash, or itself.
func (a algorithm) digest(data []byte) []byte {
	if a.hash == 0 {
		return data
	}
	h := a.hash.New()
	h.Write(data)
	return h.Sum(nil)
}

// pss is the padding of rsa-pss-sha512, section 3.3.1: the salt has 64 bytes.
var pss = &rsa.PSSOptions{SaltLength: 64, Hash: crypto.SHA512}

// sign is HTTP_SIGN of section 3.3.
func (k *signingKey) sign(data []byte) ([]byte, error) {
	if k.private == nil {
		mac := hmac.New(k.hash.New, k.secret)
		mac.Write(data)
		return mac.Sum(nil), nil
	}
	if private, ok := k.private.(*ecdsa.PrivateKey); ok {
		r, s, err := ecdsa.Sign(rand.Reader, private, k.digest(data))
		if err != nil {
			return nil, err
		}
		// Each is as long as the curve's order: every 128th signature or so has a
		// number that is shorter, and is refused if it is not filled up.
		signature := make([]byte, 2*k.size)
		r.FillBytes(signature[:k.size])
		s.FillBytes(signature[k.size:])
		return signature, nil
	}
	var opts crypto.SignerOpts = k.hash
	if k.name == "rsa-pss-sha512" {
		opts = pss
	}
	return k.private.Sign(rand.Reader, k.digest(data), opts)
}

// A verifyingKey verifies with one key. It is safe for concurrent use.
type verifyingKey struct {
	algorithm
	public crypto.PublicKey // nil for a shared secret
	secret []byte
}

func newVerifyingKey(name, key string) (*verifyingKey, error) {
	a, err := findAlgorithm(name)
	if err != nil {
		return nil, err
	}
	if a.kind == "" {
		return &verifyingKey{algorithm: a, secret: []byte(key)}, a.checkSecret(key)
	}
	public, err := pemkey.Public(key)
	if err != nil {
		return nil, fmt.Errorf("the key for %s: %w", name, err)
	}
	return &verifyingKey{algorithm: a, public: public}, a.check(public)
}

// verify is HTTP_VERIFY of section 3.3.
func (k *verifyingKey) verify(data, signature []byte) bool {
	switch public := k.public.(type) {
	case nil:
		mac := hmac.New(k.hash.New, k.secret)
		mac.Write(data)
		return hmac.Equal(mac.Sum(nil), signature)
	case ed25519.PublicKey:
		return ed25519.Verify(public, data, signature)
	case *ecdsa.PublicKey:
		if len(signature) != 2*k.size {
			return false
		}
		r, s := new(big.Int).SetBytes(signature[:k.size]), new(big.Int).SetBytes(signature[k.size:])
		return ecdsa.Verify(public, k.digest(data), r, s)
	case *rsa.PublicKey:
		if k.name == "rsa-pss-sha512" {
			return rsa.VerifyPSS(public, k.hash, k.digest(data), signature, pss) == nil
		}
		return rsa.VerifyPKCS1v15(public, k.hash, k.digest(data), signature) == nil
	}
	return false
}
