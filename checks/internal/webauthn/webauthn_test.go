package webauthn

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vectorKey is the vector's key. That of RS256 is made of the two smallest
// Mersenne primes of at least 1024 bits.
func vectorKey(t *testing.T, v vector) *Key {
	t.Helper()
	var private crypto.Signer
	var err error
	switch v.name {
	case "none.ES256":
		private, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), unhex(t, v.key))
	case "packed.EdDSA":
		private = ed25519.NewKeyFromSeed(unhex(t, v.key))
	default:
		private = mersenneKey()
	}
	if err != nil {
		t.Fatal(err)
	}
	key, err := newKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func mersenneKey() *rsa.PrivateKey {
	one := big.NewInt(1)
	prime := func(n uint) *big.Int { return new(big.Int).Sub(new(big.Int).Lsh(one, n), one) }
	p, q := prime(1279), prime(2203)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	return &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537},
		D:         new(big.Int).ModInverse(big.NewInt(65537), phi),
		Primes:    []*big.Int{p, q},
	}
}

func options(t *testing.T, challenge string, id []byte) (create, get map[string]any) {
	t.Helper()
	c := encode(unhex(t, challenge))
	create = map[string]any{
		"challenge": c, "rp": map[string]any{"id": "example.org", "name": "x"}, "user": map[string]any{"id": "dXNlcg", "name": "x", "displayName": "x"},
		"pubKeyCredParams": []any{
			map[string]any{"type": "public-key", "alg": -7}, map[string]any{"type": "public-key", "alg": float64(-8)}, map[string]any{"type": "public-key", "alg": -257},
		},
	}
	get = map[string]any{"challenge": c, "rpId": "example.org", "allowCredentials": []any{map[string]any{"type": "public-key", "id": encode(id)}}}
	return create, get
}

// part is a member of a credential's response, decoded.
func part(t *testing.T, credential map[string]any, name string) []byte {
	t.Helper()
	text, _ := credential["response"].(map[string]any)[name].(string)
	b, err := decode(text)
	if err != nil || strings.Contains(text, "=") {
		t.Fatalf("%s is %q: %v", name, text, err)
	}
	return b
}

// The vectors of the specification, byte for byte; only a signature by ECDSA,
// which has a nonce, is verified instead.
func TestVectors(t *testing.T) {
	for _, v := range vectors {
		key, id := vectorKey(t, v), unhex(t, v.id)
		c := creation{id: id, flags: v.flags &^ attested}
		copy(c.aaguid[:], unhex(t, v.aaguid))
		create, _ := options(t, v.create, id)
		made, err := c.create(create, "https://example.org", key)
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		if got := part(t, made, "clientDataJSON"); string(got) != v.created {
			t.Errorf("%s: client data\n%s\nwant\n%s", v.name, got, v.created)
		}
		if got := part(t, made, "authenticatorData"); !bytes.Equal(got, unhex(t, v.registered)) {
			t.Errorf("%s: authenticator data\n%x\nwant\n%s", v.name, got, v.registered)
		}
		if got := part(t, made, "attestationObject"); v.name == "none.ES256" && !bytes.Equal(got, unhex(t, vectorAttestation)) {
			t.Errorf("%s: attestation object\n%x\nwant\n%s", v.name, got, vectorAttestation)
		}

		_, get := options(t, v.get, id)
		shown, err := Credential{ID: id, Key: key}.get(get, "https://example.org", v.assertion)
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		client, data := part(t, shown, "clientDataJSON"), part(t, shown, "authenticatorData")
		if string(client) != v.got || !bytes.Equal(data, unhex(t, v.authenticatorData)) {
			t.Errorf("%s: got\n%s\n%x\nwant\n%s\n%s", v.name, client, data, v.got, v.authenticatorData)
		}
		verifyVector(t, v, key, data, client, part(t, shown, "signature"))
	}
}

func verifyVector(t *testing.T, v vector, key *Key, data, client, signature []byte) {
	t.Helper()
	want := unhex(t, v.signature)
	if key.algorithm != es256 {
		if !bytes.Equal(signature, want) {
			t.Errorf("%s: signature\n%x\nwant\n%x", v.name, signature, want)
		}
		return
	}
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(bytes.Clone(data), hash[:]...))
	for _, s := range [][]byte{signature, want} {
		if !ecdsa.VerifyASN1(key.private.Public().(*ecdsa.PublicKey), sum[:], s) {
			t.Errorf("%s: %x does not verify", v.name, s)
		}
	}
	// Without a source of randomness the nonce is that of RFC 6979, as in the vector.
	if deterministic, err := key.private.Sign(nil, sum[:], crypto.SHA256); err != nil || !bytes.Equal(deterministic, want) {
		t.Errorf("%s: signature by RFC 6979\n%x, %v, want\n%x", v.name, deterministic, err, want)
	}
}

func newPEM(t testing.TB, private crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func p256(t testing.TB) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newPEM(t, private)
}

// What a relying party sends and gets as JSON, with each kind of key, and what it
// checks in it.
func TestCeremonies(t *testing.T) {
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	modulus, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{p256(t), newPEM(t, edwards), newPEM(t, modulus)} {
		key, err := ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		var o map[string]any
		_ = json.Unmarshal([]byte(`{"publicKey": {"challenge": "AAECAwQFBgcICQoLDA0ODw==", "rp": {"name": "Bank"}, "user": {"id": "dXNlcg=="},
			"pubKeyCredParams": [{"type": "other", "alg": -7}, {"type": "public-key", "alg": -257}, {"type": "public-key", "alg": -8}, {"type": "public-key", "alg": -7}],
			"authenticatorSelection": {"authenticatorAttachment": "cross-platform"}, "extensions": {"credProps": true}, "timeout": 1}}`), &o)
		made, err := Create(o, "http://localhost:8080", key)
		if err != nil {
			t.Fatal(err)
		}
		if made["authenticatorAttachment"] != "cross-platform" || fmt.Sprint(made["clientExtensionResults"]) != "map[credProps:map[rk:true]]" {
			t.Errorf("got %v", made)
		}
		id, _ := made["id"].(string)
		checkCreated(t, made, key, id)

		c, err := ParseCredential(id+"=", "dXNlcg", text, 7)
		if err != nil {
			t.Fatal(err)
		}
		shown, err := Get(map[string]any{"challenge": "AAECAwQFBgcICQoLDA0ODw", "userVerification": "required"}, "http://localhost:8080", c)
		if err != nil {
			t.Fatal(err)
		}
		checkShown(t, shown, key, id)
		if _, err := json.Marshal([]any{made, shown}); err != nil {
			t.Error(err)
		}
	}
}

func checkCreated(t *testing.T, made map[string]any, key *Key, id string) {
	t.Helper()
	client := `{"type":"webauthn.create","challenge":"AAECAwQFBgcICQoLDA0ODw","origin":"http://localhost:8080","crossOrigin":false}`
	if got := part(t, made, "clientDataJSON"); string(got) != client {
		t.Errorf("client data %s, want %s", got, client)
	}
	data := part(t, made, "authenticatorData")
	raw, _ := decode(id)
	host := sha256.Sum256([]byte("localhost"))
	want := append(host[:], 0x45, 0, 0, 0, 0)
	want = append(append(want, make([]byte, 16)...), 0, 32)
	want = append(append(want, raw...), appendCBOR(nil, key.cose)...)
	if len(raw) != 32 || !bytes.Equal(data, want) {
		t.Errorf("authenticator data %x, want %x", data, want)
	}
	if !bytes.HasSuffix(part(t, made, "attestationObject"), data) || made["rawId"] != id || made["type"] != "public-key" {
		t.Errorf("got %v", made)
	}
	public, err := x509.ParsePKIXPublicKey(part(t, made, "publicKey"))
	if equal, ok := public.(interface{ Equal(crypto.PublicKey) bool }); err != nil || !ok || !equal.Equal(key.private.Public()) {
		t.Errorf("publicKey is of another key: %v", err)
	}
	if n := made["response"].(map[string]any)["publicKeyAlgorithm"]; n != key.algorithm {
		t.Errorf("publicKeyAlgorithm %v, want %d", n, key.algorithm)
	}
}

func checkShown(t *testing.T, shown map[string]any, key *Key, id string) {
	t.Helper()
	data, client := part(t, shown, "authenticatorData"), part(t, shown, "clientDataJSON")
	host := sha256.Sum256([]byte("localhost"))
	if want := append(host[:], 0x05, 0, 0, 0, 7); !bytes.Equal(data, want) {
		t.Errorf("authenticator data %x, want %x", data, want)
	}
	if string(part(t, shown, "userHandle")) != "user" || shown["id"] != id || shown["rawId"] != id {
		t.Errorf("got %v", shown)
	}
	hash := sha256.Sum256(client)
	signed, signature := append(data, hash[:]...), part(t, shown, "signature")
	sum := sha256.Sum256(signed)
	ok := false
	switch public := key.private.Public().(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(public, sum[:], signature)
	case ed25519.PublicKey:
		ok = ed25519.Verify(public, signed, signature)
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature) == nil
	}
	if !ok {
		t.Errorf("the signature does not verify with %T", key.private)
	}
}

// Two passkeys of one key have different ids.
func TestFreshID(t *testing.T) {
	key, err := ParseKey(p256(t))
	if err != nil {
		t.Fatal(err)
	}
	create, _ := options(t, "00", nil)
	one, err1 := Create(create, "https://example.org", key)
	two, err2 := Create(create, "https://example.org", key)
	if err1 != nil || err2 != nil || one["id"] == two["id"] {
		t.Errorf("%v and %v, %v, %v", one["id"], two["id"], err1, err2)
	}
}

func TestQuote(t *testing.T) {
	if got, want := quote("a\"b\\c\x00\x1f\x7f/é\U0001F511<\xff"), "\"a\\\"b\\\\c\\u0000\\u001f\x7f/é\U0001F511<\ufffd\""; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRPID(t *testing.T) {
	app := androidOrigin + encode(make([]byte, 32))
	for _, tc := range []struct {
		origin, id, want string
		err              error
	}{
		{"https://example.org", "", "example.org", nil},
		{"https://example.org", "example.org", "example.org", nil},
		{"https://login.bank.example:8443", "bank.example", "bank.example", nil},
		{"http://localhost:1", "", "localhost", nil},
		{"http://a.localhost", "localhost", "", ErrRelyingParty}, // a public suffix, as com is
		{app, "bank.example", "bank.example", nil},
		{app, "", "", ErrOptions},
		{androidOrigin + "AA", "bank.example", "", ErrOrigin},
		{"https://bank.example", "login.bank.example", "", ErrRelyingParty},
		{"https://evilbank.example", "bank.example", "", ErrRelyingParty},
		{"https://bank.example", "example", "", ErrRelyingParty},
		{"https://bank.example", ".example", "", ErrRelyingParty},
		{"https://bank.example", "Bank.example", "", ErrRelyingParty},
		{"http://bank.example", "", "", ErrOrigin},
		{"https://bank.example/", "", "", ErrOrigin},
		{"https://bank.example:443", "", "", ErrOrigin},
		{"http://localhost:80", "", "", ErrOrigin},
		{"https://bank.example:", "", "", ErrOrigin},
		{"https://Bank.example", "", "", ErrOrigin},
		{"https://me@bank.example", "", "", ErrOrigin},
		{"https://127.0.0.1", "", "", ErrOrigin},
		{"https://[::1]:1", "", "", ErrOrigin},
		{"https://", "", "", ErrOrigin},
		{"bank.example", "", "", ErrOrigin},
		{"", "", "", ErrOrigin},
		{"ftp://bank.example", "", "", ErrOrigin},
		{"https://a\n", "", "", ErrOrigin},
	} {
		got, err := rpID(tc.origin, tc.id)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("%q with %q: got %q, %v, want %q, %v", tc.origin, tc.id, got, err, tc.want, tc.err)
		}
	}
}

func TestMistakes(t *testing.T) {
	const secret = "hunter2!"
	pemText := p256(t)
	key, err := ParseKey(pemText)
	if err != nil {
		t.Fatal(err)
	}
	c := Credential{ID: []byte{1}, Key: key}
	change := func(name string, v any) func(m map[string]any) { return func(m map[string]any) { m[name] = v } }
	for want, f := range map[string]func(m map[string]any){
		"the options: want a text challenge":                            change("challenge", 1),
		"the options: challenge: it is not base64url":                   change("challenge", secret),
		"the options: challenge is empty":                               change("challenge", "=="),
		"the options: publicKey is no object":                           change("publicKey", secret),
		"the options: there is no rp":                                   change("rp", nil),
		"the options: rp is no object":                                  change("rp", secret),
		"the options: id is no text":                                    change("rp", map[string]any{"id": 1}),
		"the relying party is not that of the origin":                   change("rp", map[string]any{"id": secret}),
		"user: the options: want a text id":                             change("user", nil),
		"the options: the id of the user has 66 bytes, want at most 64": change("user", map[string]any{"id": strings.Repeat("A", 88)}),
		"the options: there are no pubKeyCredParams":                    change("pubKeyCredParams", nil),
		"the options: pubKeyCredParams is no list":                      change("pubKeyCredParams", secret),
		"the options: pubKeyCredParams has something that is no object": change("pubKeyCredParams", []any{secret}),
		"the options do not allow the key's algorithm":                  change("pubKeyCredParams", []any{map[string]any{"type": "public-key", "alg": -7.5}, map[string]any{"alg": -7}}),
		"the options: extensions is no object":                          change("extensions", 1),
		"the options: authenticatorSelection is no object":              change("authenticatorSelection", []any{}),
	} {
		create, _ := options(t, "00", c.ID)
		f(create)
		_, err := Create(create, "https://example.org", key)
		if err == nil || err.Error() != want || strings.Contains(err.Error(), secret) {
			t.Errorf("create: got %v, want %s", err, want)
		}
	}
	for want, f := range map[string]func(m map[string]any){
		"the options: want a text challenge":            change("challenge", nil),
		"the options: rpId is no text":                  change("rpId", 1),
		"the relying party is not that of the origin":   change("rpId", secret),
		"the options: allowCredentials is no list":      change("allowCredentials", secret),
		"allowCredentials: the options: want a text id": change("allowCredentials", []any{map[string]any{}}),
		"the options do not allow this passkey":         change("allowCredentials", []any{map[string]any{"id": "AQ", "type": "x"}, map[string]any{"id": "Ag", "type": "public-key"}}),
	} {
		_, get := options(t, "00", c.ID)
		f(get)
		_, err := Get(get, "https://example.org", c)
		if err == nil || err.Error() != want || strings.Contains(err.Error(), secret) {
			t.Errorf("get: got %v, want %s", err, want)
		}
	}
	_, get := options(t, "00", c.ID)
	if _, err := Get(get, "https://example.org", Credential{Key: key}); !errors.Is(err, ErrCredential) {
		t.Errorf("without an id: %v", err)
	}
	create, _ := options(t, "00", nil)
	create["pubKeyCredParams"] = []any{}
	if _, err := Create(create, "https://example.org", key); err != nil {
		t.Errorf("no algorithms, which means ES256 and RS256: %v", err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if key, err = newKey(edwards); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(create, "https://example.org", key); err != ErrAlgorithm {
		t.Errorf("no algorithms, and a key for EdDSA: %v, want %v", err, ErrAlgorithm)
	}
	for want, args := range map[string][4]any{
		"the passkey: its counter is -1, want 0 to 4294967295":                             {"AQ", "", pemText, -1},
		"the passkey: its id: it is not base64url":                                         {secret, "", pemText, 0},
		"the passkey: its id has 0 bytes, want 1 to 1023":                                  {"", "", pemText, 0},
		"the passkey: its user handle: it is not base64url":                                {"AQ", secret, pemText, 0},
		"the passkey: its user handle has 66 bytes, want at most 64":                       {"AQ", strings.Repeat("A", 88), pemText, 0},
		"the key of the passkey: it is not PEM":                                            {"AQ", "", secret, 0},
		"the key of the passkey: want one on P-256, Ed25519, or RSA of at least 2048 bits": {"AQ", "", p384(t), 0},
	} {
		if _, err := ParseCredential(args[0].(string), args[1].(string), args[2].(string), args[3].(int)); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func p384(t *testing.T) string {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newPEM(t, private)
}

// Whatever a relying party sends, there is a credential or one of the errors.
func FuzzOptions(f *testing.F) {
	key, err := ParseKey(p256(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"challenge":"AA","rp":{},"user":{"id":"AA"},"pubKeyCredParams":[{"type":"public-key","alg":-7}]}`, "https://a.example")
	f.Add(`{"publicKey":{"challenge":"AA","rpId":"example","allowCredentials":[{"type":"public-key","id":"AQ=="}]}}`, "http://localhost")
	f.Add(`{"publicKey":null,"challenge":[],"rp":1,"allowCredentials":{}}`, "android:apk-key-hash:AA")
	known := []error{ErrOrigin, ErrOptions, ErrRelyingParty, ErrAlgorithm, ErrNotAllowed}
	f.Fuzz(func(t *testing.T, text, origin string) {
		var o map[string]any
		if json.Unmarshal([]byte(text), &o) != nil {
			return
		}
		check := func(got map[string]any, err error) {
			if err == nil && got["id"] != "" {
				return
			}
			for _, k := range known {
				if errors.Is(err, k) && got == nil {
					return
				}
			}
			t.Errorf("%s at %s: %v, %v", text, origin, got, err)
		}
		check(Create(o, origin, key))
		check(Get(o, origin, Credential{ID: []byte{1}, Key: key}))
	})
}
