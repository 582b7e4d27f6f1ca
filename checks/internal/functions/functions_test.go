package functions_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/builtin"

	"github.com/authprober/authprober/checks/internal/functions"
	"github.com/authprober/authprober/checks/internal/jose"
)

// canary is in every argument that must not be repeated.
const canary = "hunter2"

// certificate is that of RFC 8705 appendix A.
const certificate = "-----BEGIN CERTIFICATE-----\nMIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAx\nODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqG\nSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ\n/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwID\nSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOV\nbUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=\n-----END CERTIFICATE-----\n"

// env is what the expressions of the tests can read.
func env(t *testing.T) map[string]any {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"account": map[string]string{
			"username": "user", "password": "pass", "client_id": "me", "hmac_key": "0aFF",
			"totp_secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", // of RFC 6238 appendix B: 12345678901234567890
			"sha256_key":  "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA",
			"hotp_secret": "gezd gnbv gy3t qojq gezd gnbv gy3t qojq",
			"ed_key":      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END PRIVATE KEY-----\n",
			"certificate": certificate,
			"key":         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		},
		"secrets": map[string]string{"certificate": certificate},
		"access":  "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDAsInN1YiI6InVzZXIifQ.",
		"body": map[string]any{"key_set": map[string]any{"keys": []any{
			map[string]any{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}, // of RFC 8037 appendix A.2
		}}, "payload": "aGVsbG8", "document": "abc", "n": 6, "half": 0.5, "list": []any{},
			"registration": map[string]any{
				"challenge": "AAEC", "rp": map[string]any{"id": "bank.example"}, "user": map[string]any{"id": "AQ"},
				"pubKeyCredParams": []any{map[string]any{"type": "public-key", "alg": -7}},
			},
			"authentication": map[string]any{"publicKey": map[string]any{"challenge": "AAEC"}}},
		"header": map[string]string{
			"WWW-Authenticate": `DPoP algs=ES256, Bearer error="insufficient_user_authentication", acr_values="a b", max_age=60`,
			"Location":         "https://app.example/cb?code=a%2Bb+c&state=s&state=t&empty=#code=x",
		},
		"random": strings.Repeat("0123456789abcdef", 2),
		"text":   `<input name="_csrf" value="tok&amp;en"><input name="_csrf" value="second">`,
		"canary": canary,
		"bytes":  []byte(canary),
	}
}

// eval compiles an expression with the table and runs it.
func eval(env map[string]any, source string) (any, error) {
	opts := []expr.Option{expr.Env(env)}
	for _, f := range functions.All() {
		opts = append(opts, expr.Function(f.Name, f.Call, f.Types...))
	}
	program, err := expr.Compile(source, opts...)
	if err != nil {
		return nil, err
	}
	return expr.Run(program, env)
}

func TestTable(t *testing.T) {
	e := env(t)
	seen := map[string]bool{}
	for _, f := range functions.All() {
		if seen[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		seen[f.Name] = true
		if _, taken := builtin.Index[f.Name]; taken {
			t.Errorf("%s is a builtin of the expression language", f.Name)
		}
		if !strings.HasPrefix(f.Usage, f.Name+"(") || !strings.HasSuffix(f.Doc, ".") || !strings.Contains(f.Example, f.Name+"(") {
			t.Errorf("%s is not described: %+v", f.Name, f)
		}
		got, err := eval(e, f.Example)
		if err != nil {
			t.Errorf("example of %s: %v", f.Name, err)
		}
		// What it returns is what its types say.
		for _, typ := range f.Types {
			want := reflect.TypeOf(typ).Elem().Out(0)
			if strings.HasPrefix(f.Example, f.Name+"(") && strings.HasSuffix(f.Example, ")") && reflect.TypeOf(got) != want {
				t.Errorf("example of %s: got a %T, want a %v", f.Name, got, want)
			}
		}
	}
}

func TestValues(t *testing.T) {
	e := env(t)
	for source, want := range map[string]any{
		// RFC 4226 appendix D
		`hotp(account.hotp_secret, 0)`:      "755224",
		`hotp(account.hotp_secret, 9)`:      "520489",
		`hotp(account.hotp_secret, 1, 8)`:   "94287082",
		`hotp(account.hotp_secret, body.n)`: "287922",
		// RFC 4648 section 10
		`base64("fooba")`:             "Zm9vYmE=",
		`base64url("fooba")`:          "Zm9vYmE",
		`base64("")`:                  "",
		`base64_decode("Zm9vYg==")`:   "foob",
		`base64_decode("Zm9vYg")`:     "foob",
		`base64url_decode("-_8=")`:    "\xfb\xff",
		`base64url_decode("-_8")`:     "\xfb\xff",
		`hex("foob")`:                 "666f6f62",
		`hex(bytes)`:                  "68756e74657232",
		`hex_decode("666F6f62")`:      "foob",
		`base64(hex_decode("fbff"))`:  "+/8=",
		`hex(base64_decode("+/8="))`:  "fbff",
		`base64url(body.document)`:    "YWJj",
		`base64_decode(body.payload)`: "hello",
		// FIPS 180-2 appendix B.1, RFC 4231 section 4.3, RFC 7636 appendix B
		`hex(sha256("abc"))`:      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		`hex(sha256(sha256("")))`: "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456",
		`len(sha256(""))`:         32,
		// FIPS 180-2 appendix C.1, RFC 9530 appendix B.1
		`hex(sha512("abc"))`:                            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
		`digest("{\"hello\": \"world\"}\n", "sha-256")`: "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
		`digest("{\"hello\": \"world\"}\n", "SHA-512")`: "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:",
		`base64url_decode(passkey_create(body.registration, "https://login.bank.example", account.key).response.clientDataJSON)`:                 `{"type":"webauthn.create","challenge":"AAEC","origin":"https://login.bank.example","crossOrigin":false}`,
		`let c = passkey_create(body.registration, "https://bank.example", account.key); c.id matches "^[A-Za-z0-9_-]{43}$" and c.rawId == c.id`: true,
		`let c = passkey_get(body.authentication, "https://bank.example", "AQID", account.key, 258, "AQ"); [c.id, c.response.userHandle]`:        []any{"AQID", "AQ"},
		`hex(base64url_decode(passkey_get(body.authentication, "https://bank.example", "AQID", account.key, 258).response.authenticatorData))`:   "05be55af508c5555d806d5bd5490f5e21dab9a101b88367f8d1d063f8c3bfc3f0500000102",
		`hex(hmac_sha256("Jefe", "what do ya want for nothing?"))`:                                                                               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		`base64url(sha256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))`:                                                                       "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
		`jwt_claims(access).exp == 4102444800 and jwt_claims(access).sub == "user"`:                                                              true,
		`jwt_claims(jwt_sign({"a": [1, "x"]}, account.key, "ES256")).a[0]`:                                                                       1,
		`jwt_claims(jwt_sign({}, account.key, "ES256", {"kid": "k"})) == {}`:                                                                     true,
		`unix(date("2023-11-14T22:13:20Z"))`:                                                                                                     1700000000,
		`unix(now()) - unix(now() - duration("90s"))`:                                                                                            90,
		`pkce().method`: "S256",
		`let p = pkce(); base64url(sha256(p.verifier)) == p.challenge`:                           true,
		`pkce().verifier == pkce().verifier`:                                                     false,
		`len(random_string(40))`:                                                                 40,
		`random_string(100, "ab") matches "^[ab]{100}$"`:                                         true,
		`random_string(3, "éü") matches "^[éü]{3}$"`:                                             true,
		`random_string(500) matches "^[A-Za-z0-9]{500}$"`:                                        true,
		`random_digits(6) matches "^[0-9]{6}$"`:                                                  true,
		`uuid() matches "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"`: true,
		`uuid() == uuid()`: false,

		`new_key("ES256") startsWith "-----BEGIN PRIVATE KEY-----"`: true,
		`new_key("EdDSA") == new_key("EdDSA")`:                      false,
		// RFC 8037 appendix A.3
		`jwk_thumbprint({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})`: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
		`jwk_thumbprint(account.key) == jwk_thumbprint(public_key(account.key, "jwk"))`:                        true,
		`jwk_thumbprint(account.key) == jwk_thumbprint(public_key(account.key, "pem"))`:                        true,
		`certificate_thumbprint(account.certificate)`:                                                          "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0",
		`certificate_thumbprint(account.key + account.certificate + "rest")`:                                   "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0",
		`public_key(public_key(account.key, "pem"), "pem") == public_key(account.key, "pem")`:                  true,
		`public_key(account.key, "pem") startsWith "-----BEGIN PUBLIC KEY-----"`:                               true,
		`public_key(account.key, "jwk").crv`:                                                                   "P-256",
		`public_key(new_key("ES384"), "jwk").crv`:                                                              "P-384",
		`public_key(new_key("EdDSA"), "jwk").kty`:                                                              "OKP",
		`len(public_key(account.key, "point"))`:                                                                65,
		`hex(public_key(account.key, "point")) startsWith "04"`:                                                true,
		`hex(public_key(account.key, "spki")) endsWith hex(public_key(account.key, "point"))`:                  true,
		// RFC 8032 section 7.1, test 2; the key is in the form of RFC 8410 section 7
		`hex(sign(hex_decode("72"), account.ed_key, "EdDSA"))`:                 "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
		`sign("abc", random, "HS256") == hmac_sha256(random, bytes)`:           false,
		`hex(sign("abc", random, "HS256")) == hex(hmac_sha256(random, "abc"))`: true,

		`auth_challenge(header["WWW-Authenticate"], "bearer")`:           map[string]string{"error": "insufficient_user_authentication", "acr_values": "a b", "max_age": "60"},
		`auth_challenge(header["WWW-Authenticate"], "DPoP").algs`:        "ES256",
		`extract(text, '_csrf" value="([^"]+)"')`:                        "tok&amp;en",
		`extract("code is 012345.", '[0-9]+')`:                           "012345",
		`extract("a=;b=2", 'a=([0-9]*)')`:                                "",
		`url_query(header["Location"])`:                                  map[string]string{"code": "a+b c", "state": "s", "empty": ""},
		`url_query("?a=1").a + url_query("/x").a + url_query("b?a=2").a`: "12",
	} {
		got, err := eval(e, source)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, %v, want %v", source, got, err, want)
		}
	}
}

// RFC 6238 appendix B, on the clock of a bubble.
func TestTOTP(t *testing.T) {
	e := env(t)
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			unix         int64
			source, want string
		}{
			{1111111109, `totp(account.totp_secret, 8)`, "07081804"},
			{1111111111, `totp(account.totp_secret, 8, 30)`, "14050471"},
			{2000000000, `totp(account.totp_secret, 8, 30, "SHA1")`, "69279037"},
			{2000000000, `totp(account.totp_secret)`, "279037"},
			{2000000000, `totp(account.sha256_key, 8, 30, "SHA256")`, "90698825"},
			{2000000000, `unix(now())`, ""},
		} {
			d := time.Until(time.Unix(tc.unix, 0))
			if d < 0 { // the bubble begins at 2000-01-01, the table is in order
				t.Fatalf("%d is in the past", tc.unix)
			}
			<-time.After(d)
			got, err := eval(e, tc.source)
			if want := any(tc.want); tc.want != "" && (err != nil || got != want) {
				t.Errorf("%s at %d: got %v, %v, want %v", tc.source, tc.unix, got, err, want)
			}
			if tc.want == "" && got != int(tc.unix) {
				t.Errorf("%s: got %v, %v, want %d", tc.source, got, err, tc.unix)
			}
		}
	})
	got, err := functions.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", time.Unix(59, 0), 8, 30, "")
	if err != nil || got != "94287082" {
		t.Errorf("at 59 s: got %v, %v, want 94287082", got, err)
	}
}

// What is wrong whatever the values are is found when the flow is loaded.
func TestTypes(t *testing.T) {
	e := env(t)
	for _, source := range []string{
		`totp()`, `totp(1)`, `totp(canary, "6")`, `hotp(canary)`, `sha256(1)`, `hex([1])`, `hex()`, `base64("a", "b")`,
		`sha256("a") == "b"`, `"x" + sha256("a")`, `hmac_sha256("a")`, `jwt_claims(1)`, `jwt_claims(sha256("a"))`,
		`jwt_sign("a", "b", "c")`, `random_string("a")`, `uuid(1)`, `pkce().verifer`, `unix("a")`, `unix(duration("1s"))`,
		`new_key()`, `new_key(1)`, `public_key(account.key)`, `sign("a", "b")`, `sign(1, "a", "b")`, `sign("a", "b", "c") == "d"`,
		`jwk_thumbprint(1)`, `certificate_thumbprint(1)`, `auth_challenge("a")`, `auth_challenge("a", "b") == "c"`, `extract("a")`, `extract(1, "a")`, `url_query(1)`,
	} {
		opts := []expr.Option{expr.Env(e)}
		for _, f := range functions.All() {
			opts = append(opts, expr.Function(f.Name, f.Call, f.Types...))
		}
		if _, err := expr.Compile(source, opts...); err == nil {
			t.Errorf("%s compiles", source)
		}
	}
}

// The type checker's words for the likeliest mistakes.
func TestTypeMistakes(t *testing.T) {
	e := env(t)
	for source, want := range map[string]string{
		`totp(1)`:           "cannot use int as argument (type string) to call totp",
		`hotp(canary, "1")`: "cannot use string as argument (type int) to call hotp",
		`hotp(canary)`:      "not enough arguments to call hotp",
		`hex(1)`:            "cannot use int as argument (type []uint8) to call hex",
		`uuid(1)`:           "too many arguments to call uuid",
	} {
		_, err := eval(e, source)
		if got, _, _ := strings.Cut(fmt.Sprint(err), " (1:"); strings.TrimSpace(got) != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	e := env(t)
	for source, want := range map[string]string{
		`totp(canary + "1")`:                                     "totp: one-time code secret is not base32: character 8 is none of A-Z and 2-7",
		`totp(body.n)`:                                           "totp: argument 1 is a number, want text",
		`totp(body.nothing)`:                                     "totp: argument 1 is null, want text",
		`totp(account.totp_secret, 9)`:                           "totp: one-time code has 9 digits, want 6 to 8",
		`totp(account.totp_secret, body.half)`:                   "totp: argument 2 is a number, want a whole number",
		`totp(account.totp_secret, 6, 0)`:                        "totp: period is 0 seconds, want 1 to 86400",
		`totp(account.totp_secret, 6, 30, canary)`:               "totp: algorithm is none of SHA1, SHA256, SHA512",
		`hotp(account.totp_secret, -1)`:                          "hotp: counter is -1, want at least 0",
		`hotp(account.totp_secret, 1, 5)`:                        "hotp: one-time code has 5 digits, want 6 to 8",
		`hotp("", 1)`:                                            "hotp: one-time code secret is empty",
		`base64_decode(canary + "!")`:                            "base64_decode: the text is not base64",
		`base64_decode("Zg=\n=")`:                                "base64_decode: the text is not base64",
		`base64_decode("Zh==")`:                                  "base64_decode: the text is not base64",
		`base64url_decode("+/")`:                                 "base64url_decode: the text is not base64url",
		`hex_decode(canary)`:                                     "hex_decode: the text is not hexadecimal",
		`hex(body.n)`:                                            "hex: argument 1 is a number, want text or bytes",
		`sha256(body.list)`:                                      "sha256: argument 1 is a list, want text or bytes",
		`hmac_sha256(body.nothing, canary)`:                      "hmac_sha256: argument 1 is null, want text or bytes",
		`digest("a", canary)`:                                    "digest: the algorithm of a digest is none of sha-256, sha-512",
		`digest(body.n, "sha-256")`:                              "digest: argument 1 is a number, want text or bytes",
		`sha512(body.n)`:                                         "sha512: argument 1 is a number, want text or bytes",
		`passkey_create(body.payload, "", "")`:                   "passkey_create: argument 1 is text, want an object",
		`passkey_create(body.registration, canary, account.key)`: "passkey_create: the origin of the passkey: want https://host or https://host:port in lower case, and nothing after it",
		`passkey_create(body.registration, "https://bank.example", canary)`:                      "passkey_create: the key of the passkey: it is not PEM",
		`passkey_create({"challenge": canary + "!"}, "https://bank.example", account.key)`:       "passkey_create: the options: challenge: it is not base64url",
		`passkey_get(body.authentication, "https://bank.example", canary + "!", account.key, 0)`: "passkey_get: the passkey: its id: it is not base64url",
		`passkey_get(body.authentication, "https://bank.example", "AQ", account.key, body.half)`: "passkey_get: argument 5 is a number, want a whole number",
		`passkey_get(body.authentication, "https://bank.example", "AQ", account.key, -1)`:        "passkey_get: the passkey: its counter is -1, want 0 to 4294967295",
		`jwt_tampered(canary, "none")`:                         "jwt_tampered: the token is no signed JWT: it has not three parts, or is too long",
		`jwt_tampered(access, canary)`:                         "jwt_tampered: how is none of payload, signature, none, unknown_kid, other_key, issuer, audience",
		`jwt_tampered(access, "signature")`:                    "jwt_tampered: the token has no signature to be spoiled",
		`jwt_confused(access, {"keys": []})`:                   "jwt_confused: the key set has no public key with the token's kid",
		`jwt_confused(access, {"keys": canary})`:               "jwt_confused: the key set has no list of keys",
		`jwt_confused(canary, body.key_set)`:                   "jwt_confused: the token is no signed JWT: it has not three parts, or is too long",
		`jwt_claims(canary)`:                                   "jwt_claims: token is no JWT: it has no dots",
		`jwt_claims(canary + ".x.y")`:                          "jwt_claims: token's header is not base64url without padding",
		`jwt_sign({}, account.key, canary)`:                    "jwt_sign: algorithm is none of RS256, PS256, ES256, ES384, EdDSA, HS256, HS384, HS512",
		`jwt_sign({}, canary, "HS256")`:                        "jwt_sign: the key for HS256 has 7 bytes, want at least 32",
		`jwt_sign({}, canary, "ES256")`:                        "jwt_sign: the key for ES256: it is not PEM",
		`jwt_sign({"ath": sha256("a")}, account.key, "ES256")`: `jwt_sign: claim "ath" is bytes, want text; encode it with base64url or hex`,
		`jwt_sign(body.payload, account.key, "ES256")`:         "jwt_sign: argument 1 is text, want an object",
		`random_string(0)`:                                     "random_string: length is 0, want 1 to 4096",
		`random_string(4097)`:                                  "random_string: length is 4097, want 1 to 4096",
		`random_string(1, "a")`:                                "random_string: alphabet has 1 characters, want 2 to 256",
		`random_string(1, "aba")`:                              "random_string: alphabet has a character twice",
		`random_digits(-1)`:                                    "random_digits: length is -1, want 1 to 4096",
		`unix(body.n)`:                                         "unix: argument 1 is a number, want a time",

		`new_key(canary)`:                                                      "new_key: algorithm is none of RS256, PS256, ES256, ES384, EdDSA",
		`public_key(canary, "pem")`:                                            "public_key: the key: it is not PEM",
		`public_key(account.key, canary)`:                                      "public_key: form is none of pem, spki, point, jwk",
		`public_key(account.ed_key, "point")`:                                  "public_key: only an EC key has a point",
		`jwk_thumbprint(canary)`:                                               "jwk_thumbprint: the key: it is not PEM",
		`jwk_thumbprint({"kty": canary})`:                                      "jwk_thumbprint: the JWK's kty is none of RSA, EC, OKP, oct",
		`jwk_thumbprint(body.n)`:                                               "jwk_thumbprint: argument 1 is a number, want text or an object",
		`certificate_thumbprint(canary)`:                                       "certificate_thumbprint: there is no certificate in PEM",
		`certificate_thumbprint(account.key)`:                                  "certificate_thumbprint: there is no certificate in PEM",
		`certificate_thumbprint(replace(account.certificate, "MIIB", "MIIC"))`: "certificate_thumbprint: the certificate is malformed",
		`sign(canary, canary, "ES256-DER")`:                                    "sign: the key for ES256: it is not PEM",
		`sign(canary, account.key, canary)`:                                    "sign: algorithm is none of RS256, PS256, ES256, ES384, EdDSA, HS256, HS384, HS512, ES256-DER, ES384-DER",
		`sign(canary, account.key, "EdDSA-DER")`:                               "sign: algorithm is none of RS256, PS256, ES256, ES384, EdDSA, HS256, HS384, HS512, ES256-DER, ES384-DER",
		`sign(canary, account.key, "EdDSA")`:                                   "sign: the key for EdDSA is an EC key on P-256, want an Ed25519 key",
		`sign(body.n, account.key, "ES256")`:                                   "sign: argument 1 is a number, want text or bytes",
		`auth_challenge(canary, "Bearer")`:                                     "auth_challenge: a challenge of the scheme is missing",
		`auth_challenge("Bearer " + canary + "=", "DPoP")`:                     "auth_challenge: a challenge of the scheme is missing",
		`auth_challenge("Bearer a=\"" + canary, "Bearer")`:                     "auth_challenge: field 1, character 18: the quoted text has no end",
		`extract(canary, "[0-9]{3}")`:                                          "extract: a match of the pattern is missing",
		`extract(canary, "hunter(x)?")`:                                        "extract: a match of the pattern is missing",
		`extract("x", "(" + canary)`:                                           "extract: the pattern is no regular expression of RE2",
		`extract("x", random_string(1001))`:                                    "extract: the pattern has 1001 characters, want at most 1000",
		`extract(body.nothing, "x")`:                                           "extract: argument 1 is null, want text",
		`url_query("https://%zz/" + canary)`:                                   "url_query: the text is no URL",
		`url_query("?" + canary + "=%zz")`:                                     "url_query: the URL's query is malformed",
	} {
		_, err := eval(e, source)
		if err == nil {
			t.Errorf("%s: no error, want %s", source, want)
			continue
		}
		// The expression language adds where in the expression it is.
		got := regexp.MustCompile(`(?s) \(\d+:\d+\).*`).ReplaceAllString(err.Error(), "")
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", source, got, want)
		}
		if strings.Contains(err.Error(), canary) {
			t.Errorf("%s: the error repeats what was given: %v", source, err)
		}
	}
	for _, f := range functions.All() {
		if _, err := f.Call(1, 2, 3, 4, 5, 6, 7, 8, 9); err == nil || !strings.HasPrefix(err.Error(), f.Name+": got 9 arguments, want ") {
			t.Errorf("%s with 9 arguments: %v", f.Name, err)
		}
	}
}

// What only an answer can lack is told from what is wrong.
func TestMissing(t *testing.T) {
	e := env(t)
	for source, want := range map[string]bool{
		`extract(canary, "[0-9]{3}")`:       true,
		`auth_challenge("Basic", "Bearer")`: true,
		`extract(canary, "(")`:              false,
		`auth_challenge("=", "Bearer")`:     false,
	} {
		_, err := eval(e, source)
		if _, missing := errors.AsType[functions.Missing](err); err == nil || missing != want {
			t.Errorf("%s: %v is missing: %t, want %t", source, err, missing, want)
		}
	}
}

// One signature in 128 has an r or an s with a zero in front, RFC 7518 section
// 3.4; in ASN.1 that makes it shorter.
func TestSignPadsWithZeros(t *testing.T) {
	key := env(t)["account"].(map[string]string)["key"]
	public, err := jose.ParsePublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ec := public.(*ecdsa.PublicKey)
	for i := range 1000 {
		data := []byte{byte(i >> 8), byte(i)}
		sum := sha256.Sum256(data)
		sig, err := functions.Sign(data, key, "ES256")
		if err != nil || len(sig) != 64 || !ecdsa.Verify(ec, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
			t.Fatalf("signature %d: %x, %v does not verify", i, sig, err)
		}
		der, err := functions.Sign(data, key, "ES256-DER")
		if err != nil || !ecdsa.VerifyASN1(ec, sum[:], der) {
			t.Fatalf("signature %d in ASN.1: %x, %v does not verify", i, der, err)
		}
	}
}

func FuzzURLQuery(f *testing.F) {
	f.Add("https://app.example/cb?code=a%2Bb+c&state=s&state=t&empty=#code=x")
	f.Add("?;=&%zz")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := functions.URLQuery(text)
		if (err == nil) != (got != nil) {
			t.Fatalf("got %v, %v", got, err)
		}
	})
}

func FuzzExtract(f *testing.F) {
	f.Add(`value="x"`, `value="([^"]+)"`)
	f.Add("ab", "(a)|(b)")
	f.Add("", "(")
	f.Fuzz(func(t *testing.T, text, pattern string) {
		got, err := functions.Extract(text, pattern)
		if err == nil && !strings.Contains(text, got) {
			t.Fatalf("%q is not in the text", got)
		}
	})
}

// Each letter is as likely as any other, also where 256 is no multiple of their
// number. 6.5 standard deviations are exceeded once in ten billion letters.
func TestRandomStringIsFair(t *testing.T) {
	const alphabet, n = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&()*+,-./:;<=>?@[]^_{|}~", 91 * 4096
	counts := map[rune]int{}
	for range n / 4096 {
		s, err := functions.RandomString(4096, alphabet)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range s {
			counts[c]++
		}
	}
	mean := float64(n) / float64(len(alphabet))
	for _, c := range alphabet {
		if d := float64(counts[c]) - mean; d*d > 6.5*6.5*mean {
			t.Errorf("%c was drawn %d times of %d, want about %.0f", c, counts[c], n, mean)
		}
	}
}
