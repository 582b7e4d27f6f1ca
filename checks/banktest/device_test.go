package banktest_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/checks/internal/otp"
)

// A phone is a key that can be enrolled, and how it signs.
type phone struct {
	algorithm string
	key       crypto.Signer
	device    string
}

func newPhone(t *testing.T, algorithm string) *phone {
	t.Helper()
	if algorithm == "EdDSA" {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return &phone{algorithm: algorithm, key: key}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &phone{algorithm: algorithm, key: key}
}

func (p *phone) publicKey(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(p.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func (p *phone) enrol(c *client, access string) reply {
	c.t.Helper()
	body := `{"public_key": "` + p.publicKey(c.t) + `", "algorithm": "` + p.algorithm + `"}`
	r := c.send("POST", "/v1/devices", body, "Content-Type", "application/json", "Authorization", "Bearer "+access)
	p.device = r.member("device")
	return r
}

// sign signs the text, and tells whether r or s has a zero byte in front.
func (p *phone) sign(t *testing.T, text string) (signature []byte, short bool) {
	t.Helper()
	key, ok := p.key.(*ecdsa.PrivateKey)
	if !ok {
		return ed25519.Sign(p.key.(ed25519.PrivateKey), []byte(text)), false
	}
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	fixed := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	short = fixed[0] == 0 || fixed[32] == 0
	if p.algorithm == "ES256" {
		return fixed, short
	}
	return der(r, s), short
}

// der writes r and s by hand: a sequence of two integers.
func der(r, s *big.Int) []byte {
	integer := func(n *big.Int) []byte {
		b := n.Bytes()
		if b[0]&0x80 != 0 {
			b = append([]byte{0}, b...)
		}
		return append([]byte{2, byte(len(b))}, b...)
	}
	both := append(integer(r), integer(s)...)
	return append([]byte{0x30, byte(len(both))}, both...)
}

func (p *phone) login(c *client) (r reply, short bool) {
	c.t.Helper()
	challenge := c.send("POST", "/v1/devices/"+p.device+"/challenge", "").member("challenge")
	signature, short := p.sign(c.t, "bank-login-v1\n"+p.device+"\n"+challenge)
	return p.answer(c, challenge, signature), short
}

func (p *phone) answer(c *client, challenge string, signature []byte) reply {
	c.t.Helper()
	return c.post("/v1/login/device", map[string]string{
		"device": p.device, "challenge": challenge, "signature": base64.StdEncoding.EncodeToString(signature)})
}

func TestDevices(t *testing.T) {
	now := newClock()
	s, c := start(t, banktest.Options{Users: 2, Now: now.Now})
	u, other := s.Users()[0], s.Users()[1]
	access, _ := c.login(u, now.Now())
	stranger, _ := c.login(other, now.Now())
	for _, algorithm := range []string{"ES256-DER", "ES256", "EdDSA"} {
		p := newPhone(t, algorithm)
		wantReply(t, p.enrol(c, access), 201, "")
		for range 300 { // one in 128 has a short r or s, which is right all the same
			r, _ := p.login(c)
			wantReply(t, r, 200, "")
			wantReply(t, c.bearer("POST", "/v1/logout", r.member("access_token")), 204, "")
		}
		challenge := c.send("POST", "/v1/devices/"+p.device+"/challenge", "").member("challenge")
		signature, _ := p.sign(t, "bank-login-v1\n"+p.device+"\n"+challenge)
		wantReply(t, p.answer(c, challenge, signature), 200, "")
		wantReply(t, p.answer(c, challenge, signature), 401, `{"error":"invalid_challenge","error_description":"unknown, expired or used; log in again"}`)
		wrong := newPhone(t, algorithm)
		wrong.device = p.device
		r, _ := wrong.login(c)
		wantReply(t, r, 401, `{"error":"invalid_signature"}`)
		challenge = c.send("POST", "/v1/devices/"+p.device+"/challenge", "").member("challenge")
		signature, _ = p.sign(t, "bank-login-v1\n"+p.device+"\n"+challenge)
		now.Advance(2 * time.Minute)
		wantReply(t, p.answer(c, challenge, signature), 401, "")
		wantReply(t, c.bearer("DELETE", "/v1/devices/"+p.device, stranger), 404, "")
		if got := s.Stats().Users[u.Username].Devices; got != 1 {
			t.Errorf("%d devices are enrolled, want 1", got)
		}
		wantReply(t, c.bearer("DELETE", "/v1/devices/"+p.device, access), 204, "")
		wantReply(t, c.bearer("DELETE", "/v1/devices/"+p.device, access), 404, "")
		wantReply(t, c.send("POST", "/v1/devices/"+p.device+"/challenge", ""), 404, "")
	}
	stats := s.Stats()
	if stats.Total.Devices != 0 || stats.Requests["device_enrol"] != 3 || stats.Requests["device_login"] != 3*304 || stats.Requests["device_remove"] != 9 {
		t.Errorf("stats are %+v", stats)
	}
	if got := stats.Users[u.Username]; got.Logins != 1+3*301 || got.Refused != 6 {
		t.Errorf("stats of the customer are %+v", got)
	}
}

func TestDeviceRefusals(t *testing.T) {
	s, c := start(t, banktest.Options{})
	access, _ := c.login(s.Users()[0], time.Now())
	curve, edwards := newPhone(t, "ES256"), newPhone(t, "EdDSA")
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large := &phone{algorithm: "ES256", key: p384}
	const notKind = "public_key is not of the kind that the algorithm asks for"
	for body, want := range map[string]string{
		`{}`: "public_key is missing or empty",
		`{"public_key": "AA==", "algorithm": "ES256"}`:                             "public_key is no SubjectPublicKeyInfo in base64",
		`{"public_key": "!", "algorithm": "ES256"}`:                                "public_key is no SubjectPublicKeyInfo in base64",
		`{"public_key": "` + curve.publicKey(t) + `", "algorithm": "ES512"}`:       "algorithm is none of ES256-DER, ES256, EdDSA",
		`{"public_key": "` + curve.publicKey(t) + `", "algorithm": "EdDSA"}`:       notKind,
		`{"public_key": "` + edwards.publicKey(t) + `", "algorithm": "ES256-DER"}`: notKind,
		`{"public_key": "` + large.publicKey(t) + `", "algorithm": "ES256"}`:       notKind,
	} {
		r := c.send("POST", "/v1/devices", body, "Content-Type", "application/json", "Authorization", "Bearer "+access)
		if r.status != 400 || r.member("error_description") != want {
			t.Errorf("%s: got %d %s, want %s", body, r.status, r.text, want)
		}
	}
	wantReply(t, c.send("POST", "/v1/devices", "{}", "Content-Type", "application/json"), 401, "")
	for path, want := range map[string]int{
		"/v1/devices/": 404, "/v1/devices//challenge": 404, "/v1/devices/x/other": 404, "/v1/devices/x/challenge": 404,
	} {
		wantReply(t, c.send("POST", path, ""), want, "")
	}
	wantReply(t, c.send("GET", "/v1/devices/x", ""), 405, "")
	wantReply(t, curve.enrol(c, access), 201, "")
	for _, signature := range [][]byte{nil, {1}, make([]byte, 64), make([]byte, 63), der(big.NewInt(1), big.NewInt(1))} {
		challenge := c.send("POST", "/v1/devices/"+curve.device+"/challenge", "").member("challenge")
		if r := curve.answer(c, challenge, signature); r.status < 400 || r.status >= 500 {
			t.Errorf("%x: got %d", signature, r.status)
		}
	}
}

// A DER signature has one form: what only looks like one is refused.
func TestDeviceDER(t *testing.T) {
	s, c := start(t, banktest.Options{LockAfter: 100})
	access, _ := c.login(s.Users()[0], time.Now())
	p := newPhone(t, "ES256-DER")
	wantReply(t, p.enrol(c, access), 201, "")
	for name, spoil := range map[string]func([]byte) []byte{
		"a byte more":      func(b []byte) []byte { return append(b, 0) },
		"a byte less":      func(b []byte) []byte { return b[:len(b)-1] },
		"the fixed form":   func(b []byte) []byte { return b[len(b)-64:] },
		"a zero in front":  func(b []byte) []byte { return slices.Concat([]byte{0x30, b[1] + 1, 2, b[3] + 1, 0}, b[4:]) },
		"a length in long": func(b []byte) []byte { return slices.Concat([]byte{0x30, 0x81}, b[1:]) },
	} {
		challenge := c.send("POST", "/v1/devices/"+p.device+"/challenge", "").member("challenge")
		signature, _ := p.sign(t, "bank-login-v1\n"+p.device+"\n"+challenge)
		if r := p.answer(c, challenge, spoil(signature)); r.status != 401 {
			t.Errorf("%s: got %d %s, want 401", name, r.status, r.text)
		}
	}
}

// The bug of padding meets exactly the signatures with a short r or s.
func TestPaddingFault(t *testing.T) {
	for _, algorithm := range []string{"ES256-DER", "ES256", "EdDSA"} {
		s := newBank(t, banktest.Options{Faults: []banktest.Fault{{Kind: banktest.KindPadding}}})
		c := handler(t, s)
		access, _ := c.login(s.Users()[0], time.Now())
		p := newPhone(t, algorithm)
		wantReply(t, p.enrol(c, access), 201, "")
		met := int64(0)
		for range 3000 {
			r, short := p.login(c)
			if short {
				met++
				wantReply(t, r, 401, `{"error":"invalid_signature"}`)
			} else {
				wantReply(t, r, 200, "")
			}
		}
		counted := int64(0)
		for _, f := range s.Stats().Faults {
			counted += f.Count
			if f.Kind != banktest.KindPadding || f.Step != banktest.StepDeviceLogin {
				t.Errorf("got %+v", f)
			}
		}
		// 3000 signatures without a short one are one series in sixteen billion.
		if counted != met || (met > 0) != (algorithm != "EdDSA") || s.Stats().Total.Lockouts > 0 {
			t.Errorf("%s: %d short signatures, %d counted", algorithm, met, counted)
		}
	}
}

// Where backends are chosen for each request, a challenge mostly comes back to another
// one than that which issued it.
func TestForeignFault(t *testing.T) {
	s, c := start(t, banktest.Options{Seed: 1, Balance: banktest.PerRequest})
	access, _ := c.login(s.Users()[0], time.Now())
	if err := s.SetFaults(banktest.Fault{Kind: banktest.KindForeign}); err != nil {
		t.Fatal(err)
	}
	p := newPhone(t, "EdDSA")
	wantReply(t, p.enrol(c, access), 201, "")
	refused := 0
	for range 100 {
		challenge := c.send("POST", "/v1/devices/"+p.device+"/challenge", "")
		signature, _ := p.sign(t, "bank-login-v1\n"+p.device+"\n"+challenge.member("challenge"))
		r := p.answer(c, challenge.member("challenge"), signature)
		if same := challenge.header.Get("X-Backend") == r.header.Get("X-Backend"); same != (r.status == 200) {
			t.Errorf("got %d from %s for a challenge of %s", r.status, r.header.Get("X-Backend"), challenge.header.Get("X-Backend"))
		}
		if r.status != 200 {
			refused++
		}
	}
	if refused < 60 || refused > 95 {
		t.Errorf("%d of 100 challenges were refused, with five backends", refused)
	}
}

func TestHOTP(t *testing.T) {
	s, c := start(t, banktest.Options{LockAfter: 3})
	u := s.Users()[0]
	key, err := otp.DecodeSecret(u.HOTPSecret)
	if err != nil {
		t.Fatal(err)
	}
	login := func(counter uint64) reply {
		t.Helper()
		return c.post("/v1/login/otp", map[string]string{
			"challenge": c.password(u).member("challenge"), "code": otp.HOTP(key, counter, 0), "type": "hotp"})
	}
	for _, step := range []struct {
		counter uint64
		status  int
	}{{0, 200}, {0, 401}, {1, 200}, {11, 200}, {10, 401}, {22, 401}, {21, 200}, {22, 200}, {22, 401}, {22, 401}, {22, 423}} {
		if r := login(step.counter); r.status != step.status {
			t.Errorf("counter %d: got %d %s, want %d", step.counter, r.status, r.text, step.status)
		}
	}
	other := s.Users()[1]
	challenge := c.password(other).member("challenge")
	wantReply(t, c.post("/v1/login/otp", map[string]string{"challenge": challenge, "code": "000000", "type": "sms"}), 400,
		`{"error":"invalid_request","error_description":"type is none of totp, hotp"}`)
	wantReply(t, c.code(challenge, codeOf(t, other, time.Now())), 200, "")
	if u.HOTPSecret == u.TOTPSecret || strings.Contains(u.String(), u.HOTPSecret) {
		t.Error("the secrets are the same, or shown")
	}
}

func FuzzDeviceSignature(f *testing.F) {
	f.Add([]byte{0x30, 6, 2, 1, 1, 2, 1, 1}, true)
	f.Add(make([]byte, 64), false)
	b, err := banktest.New(banktest.Options{Users: 1, LockAfter: 1 << 30, ReuseCodes: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, signature []byte, asn1 bool) {
		c := handler(t, b)
		access, _ := c.login(b.Users()[0], time.Now())
		p := newPhone(t, map[bool]string{true: "ES256-DER", false: "ES256"}[asn1])
		wantReply(t, p.enrol(c, access), 201, "")
		challenge := c.send("POST", "/v1/devices/"+p.device+"/challenge", "").member("challenge")
		if r := p.answer(c, challenge, signature); r.status != 401 && r.status != 400 {
			t.Errorf("%x: got %d", signature, r.status)
		}
		wantReply(t, c.bearer("DELETE", "/v1/devices/"+p.device, access), 204, "")
	})
}
