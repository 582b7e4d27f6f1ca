package checks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/internal/httpsig"
	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/prober"
)

func publicOf(t *testing.T, pem string) crypto.PublicKey {
	t.Helper()
	key, err := jose.ParsePublicKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// verifyDetached verifies a JWS without its payload by PS256 and returns its header.
func verifyDetached(text string, payload string, key *rsa.PublicKey) (header map[string]any, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[1] != "" {
		return nil, errors.New("it is not detached")
	}
	first, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err == nil {
		err = json.Unmarshal(first, &header)
	}
	if err != nil {
		return nil, err
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + payload))
	return header, rsa.VerifyPSS(key, crypto.SHA256, sum[:], signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
}

// The form of Open Banking in the United Kingdom, and the same with RFC 7797, where
// the body itself is signed. The proof of DPoP wants a nonce, so it is signed twice.
func TestDetachedJWS(t *testing.T) {
	private, public := newKeyPair(t, "PS256")
	key := publicOf(t, public).(*rsa.PublicKey)
	for _, unencoded := range []bool{false, true} {
		t.Run(fmt.Sprint(unencoded), func(t *testing.T) {
			var headers []map[string]any
			url, refused := verifying(t, func(r *http.Request, body []byte) error {
				payload := base64.RawURLEncoding.EncodeToString(body)
				if unencoded {
					payload = string(body)
				}
				header, err := verifyDetached(r.Header.Get("x-jws-signature"), payload, key)
				if err != nil {
					return err
				}
				if claims, err := jose.Claims(r.Header.Get("DPoP")); err != nil || claims["nonce"] != "n" {
					return nonceWanted("n")
				}
				headers = append(headers, header)
				return nil
			})
			c := mustLoad(t, keyEnv(map[string]string{"KEY": private}), "name: x\ntarget: "+url+`
secrets: {key: {env: KEY}}
steps:
  - name: consent
    request: POST /domestic-payment-consents
    json: {Data: {Initiation: {InstructionIdentification: "${{ uuid() }}", text: "é<&>.\""}}, Risk: {}}
    dpop: {token: t}
    jws: &jws
      field: x-jws-signature
      key: ${{ secrets.key }}
      algorithm: PS256
      unencoded: `+fmt.Sprint(unencoded)+`
      header:
        kid: key-1
        typ: JOSE
        crit: ["http://openbanking.org.uk/iat", "http://openbanking.org.uk/iss", "http://openbanking.org.uk/tan"]
        http://openbanking.org.uk/iat: "${{ unix(now()) }}"
        http://openbanking.org.uk/iss: "CN=probe"
        http://openbanking.org.uk/tan: openbanking.org.uk
    expect: [status == 204]
  - name: without a body
    request: GET /domestic-payment-consents
    dpop: {token: t}
    jws: *jws
    expect: [status == 204]
  - name: another key is refused
    let: {other: new_key("PS256")}
    request: POST /domestic-payment-consents
    json: {}
    dpop: {token: t}
    jws: {field: x-jws-signature, key: "${{ other }}", algorithm: PS256, unencoded: `+fmt.Sprint(unencoded)+`}
    refuse: [401]
`)
			r := passes(t, c, refused, "POST /domestic-payment-consents: a nonce is wanted",
				"POST /domestic-payment-consents: crypto/rsa: verification error")
			if r.Steps[0].Attempts != 2 {
				t.Errorf("got %d attempts, want 2", r.Steps[0].Attempts)
			}
			noKey(t, r, private)
			for _, h := range headers {
				iat, ok := h["http://openbanking.org.uk/iat"].(float64)
				if !ok || time.Since(time.Unix(int64(iat), 0)).Abs() > time.Minute {
					t.Errorf("iat is %v", h["http://openbanking.org.uk/iat"])
				}
				delete(h, "http://openbanking.org.uk/iat")
				crit := []any{"http://openbanking.org.uk/iat", "http://openbanking.org.uk/iss", "http://openbanking.org.uk/tan"}
				want := map[string]any{"alg": "PS256", "kid": "key-1", "typ": "JOSE", "crit": crit,
					"http://openbanking.org.uk/iss": "CN=probe", "http://openbanking.org.uk/tan": "openbanking.org.uk"}
				if unencoded {
					want["b64"], want["crit"] = false, append(crit, "b64")
				}
				if fmt.Sprint(h) != fmt.Sprint(want) {
					t.Errorf("got %v, want %v", h, want)
				}
			}
			if len(headers) != 2 {
				t.Errorf("got %d headers, want 2", len(headers))
			}
		})
	}
}

var cavageField = regexp.MustCompile(`^keyId="SN=1,CA=probe",algorithm="rsa-sha256",headers="([^"]+)",signature="([^"]+)"$`)

// The draft of which PSD2 has its seals (QSealC): the verifier builds what is signed
// from the request as it has come.
func TestCavageDialect(t *testing.T) {
	private, public := newKeyPair(t, "RS256")
	key := publicOf(t, public).(*rsa.PublicKey)
	ids := map[string]bool{}
	url, refused := verifying(t, func(r *http.Request, body []byte) error {
		if id := r.Header.Get("X-Request-ID"); ids[id] || len(id) != 36 {
			return errors.New("a request id that was here before")
		}
		ids[r.Header.Get("X-Request-ID")] = true
		m := cavageField.FindStringSubmatch(r.Header.Get("Signature"))
		if m == nil || !strings.Contains(m[1], "digest") {
			return errors.New("the field Signature is malformed")
		}
		want, err := httpsig.Digest(body, "sha-256", httpsig.FormLegacy)
		if err != nil || r.Header.Get("Digest") != want {
			return errors.New("the Digest is of another body")
		}
		if at, err := http.ParseTime(r.Header.Get("Date")); err != nil || time.Since(at).Abs() > time.Minute {
			return fmt.Errorf("the Date: %w", err)
		}
		text, err := httpsig.SigningString(r, body, strings.Fields(m[1]), httpsig.CavageTimes{})
		if err != nil {
			return err
		}
		signature, err := base64.StdEncoding.DecodeString(m[2])
		if err != nil {
			return err
		}
		sum := sha256.Sum256([]byte(text))
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
	})
	flow := "name: x\ntarget: " + url + `
secrets: {key: {env: KEY}}
steps:
  - name: get
    request: GET /v1/accounts?b=%2F&a=1
    sign: &seal
      key: ${{ secrets.key }}
      algorithm: RS256
      before:
        Digest: SHA-256=${{ base64(sha256(request.body)) }}
        Date: ${{ now().UTC().Format("Mon, 02 Jan 2006 15:04:05") }} GMT
        X-Request-ID: ${{ uuid() }}
      text: |-
        (request-target): ${{ lower(request.method) }} ${{ request.target }}
        host: ${{ request.headers.host }}
        digest: ${{ request.headers.digest }}
        date: ${{ request.headers.date }}
        x-request-id: ${{ request.headers["X-Request-ID"] }}
      headers:
        Signature: keyId="SN=1,CA=probe",algorithm="rsa-sha256",headers="(request-target) host digest date x-request-id",signature="${{ base64(signature) }}"
    expect: [status == 204]
  - name: post
    request: POST /v1/payments/sepa-credit-transfers
    json: {instructedAmount: {currency: EUR, amount: "1.00"}, id: "${{ uuid() }}", text: "ü <&>"}
    sign: *seal
    expect: [status == 204]
  - name: another digest is refused
    request: POST /v1/payments/sepa-credit-transfers
    json: {amount: "1000000.00"}
    sign:
      key: ${{ secrets.key }}
      algorithm: RS256
      before: {Digest: "SHA-256=${{ base64(sha256('{}')) }}", X-Request-ID: "${{ uuid() }}"}
      text: "digest: ${{ request.headers.digest }}"
      headers: {Signature: 'keyId="SN=1,CA=probe",algorithm="rsa-sha256",headers="digest",signature="${{ base64(signature) }}"'}
    refuse: [401]
`
	c := mustLoad(t, keyEnv(map[string]string{"KEY": private}), flow)
	for range 3 {
		r := passes(t, c, refused, "POST /v1/payments/sepa-credit-transfers: the Digest is of another body")
		noKey(t, r, private)
		if text := fmt.Sprintf("%+v", r); strings.Contains(text, "request-target") {
			t.Errorf("what is signed is in the report: %s", text)
		}
	}
}

// A dialect of a bank's own: a bare digest, a date in ISO form, and the signature
// beside the token in Authorization.
func TestPrivateDialect(t *testing.T) {
	private, public := newKeyPair(t, "ES256")
	key := publicOf(t, public).(*ecdsa.PublicKey)
	form := regexp.MustCompile(`^Bearer SentinelToken;signature keyid="a",algorithm="ecdsa-sha256",headers="\(request-target\) Date Digest",signature="([^"]+)"$`)
	url, refused := verifying(t, func(r *http.Request, body []byte) error {
		m := form.FindStringSubmatch(r.Header.Get("Authorization"))
		if m == nil {
			return errors.New("the field Authorization is malformed")
		}
		digest := sha256.Sum256(body)
		if r.Header.Get("Digest") != base64.StdEncoding.EncodeToString(digest[:]) {
			return errors.New("the Digest is of another body")
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", r.Header.Get("Date")); err != nil {
			return err
		}
		text := fmt.Sprintf("(request-target): %s %s\nDate: %s\nDigest: %s", strings.ToLower(r.Method), r.URL.Path, r.Header.Get("Date"), r.Header.Get("Digest"))
		sum := sha256.Sum256([]byte(text))
		if signature, err := base64.StdEncoding.DecodeString(m[1]); err != nil || !ecdsa.VerifyASN1(key, sum[:], signature) {
			return errors.New("the signature does not verify")
		}
		return nil
	})
	c, err := writeFlows(t, keyEnv(map[string]string{"KEY": private}), map[string]string{
		"accounts.yaml": "pools: {p: {accounts: [{name: a, key: {env: KEY}, token: SentinelToken}]}}",
		"flow.yaml": oneStep(url, `
request: PUT /api/v2/payments/local/${{ uuid() }}
json: {amount: {minorUnits: 100}, id: "${{ uuid() }}"}
sign:
  key: ${{ account.key }}
  algorithm: ES256-DER
  before:
    Date: ${{ now().UTC().Format("2006-01-02T15:04:05.000Z") }}
    Digest: ${{ base64(sha256(request.body)) }}
  text: |-
    (request-target): ${{ lower(request.method) }} ${{ request.path }}
    Date: ${{ request.headers.date }}
    Digest: ${{ request.headers.digest }}
  headers:
    Authorization: >-
      Bearer ${{ account.token }};signature keyid="${{ account.name }}",algorithm="ecdsa-sha256",headers="(request-target) Date Digest",signature="${{ base64(signature) }}"
expect: [status == 204]`) + "accounts: p\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 200 { // the signature's length varies, and so does its base64
		noKey(t, passes(t, c, refused), private)
	}
}

// Where the flow's own text cannot be made, that is no verdict on the target. What
// an earlier answer lacked is one.
func TestWhoseMistakeSigning(t *testing.T) {
	private, _ := newKeyPair(t, "ES256")
	url, got := recorder(t, `{"deep": {"there": "1"}}`)
	for text, want := range map[string]struct {
		outcome prober.Outcome
		detail  string
	}{
		"${{ request.headers.nothing }}":          {prober.Errored, "the request that is signed has no header field nothing"},
		`${{ request.headers["X-Nothing"] }}`:     {prober.Errored, "the request that is signed has no header field X-Nothing"},
		"${{ request.headers.cookie }}":           {prober.Errored, "the request that is signed has no header field cookie"},
		"${{ deep.nothing }}":                     {prober.Failed, "the field nothing is missing"},
		"${{ deep.there }}":                       {prober.Passed, ""},
		`${{ request.headers.nothing ?? "x" }}`:   {prober.Passed, ""},
		"${{ request.body }}${{ request.query }}": {prober.Passed, ""},
	} {
		*got = nil
		c := mustLoad(t, keyEnv(map[string]string{"KEY": private}), "name: x\ntarget: "+url+`
secrets: {key: {env: KEY}}
steps:
  - {name: first, request: GET /, expect: [status == 200], capture: {deep: body.deep}}
  - name: signed
    request: GET /
    sign: {key: "${{ secrets.key }}", algorithm: ES256, text: '`+text+`', headers: {X-Signature: "${{ hex(signature) }}"}}
    expect: [status == 200]
`)
		r := probeOnce(t, c)
		detail := fmt.Sprint(r.Err)
		if st := r.Steps[len(r.Steps)-1]; r.Outcome() == prober.Failed {
			detail = st.Detail
			if st.Reason != prober.ReasonMissingValue {
				t.Errorf("%s: got the reason %s", text, st.Reason)
			}
		}
		if r.Outcome() != want.outcome || want.detail != "" && detail != want.detail {
			t.Errorf("%s: got %s: %s, want %s: %s", text, r.Outcome(), detail, want.outcome, want.detail)
		}
		if sent := len(*got) == 2; sent != (want.outcome == prober.Passed) {
			t.Errorf("%s: %d requests were sent", text, len(*got))
		}
	}
}
