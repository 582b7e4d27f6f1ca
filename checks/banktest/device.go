package banktest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"time"
)

// The algorithms of devices. A phone's key store makes ES256-DER, libraries of JOSE
// make ES256: r and s one after the other, 32 bytes each.
const (
	deviceDER   = "ES256-DER"
	deviceFixed = "ES256"
	deviceEdDSA = "EdDSA"
)

// A device is a key that a customer has enrolled. It is guarded by vault.mu.
type device struct {
	id         string
	customer   *customer
	algorithm  string
	ec         *ecdsa.PublicKey
	edwards    ed25519.PublicKey
	challenges []*deviceChallenge
}

// A deviceChallenge is what a device is to sign, once.
type deviceChallenge struct {
	id      string
	backend string // that issued it
	until   time.Time
}

const (
	maxDevices          = 100 // of a customer
	maxDeviceChallenges = 100 // of a device
)

// newDevice reads a public key: the bytes of a SubjectPublicKeyInfo.
func newDevice(spki []byte, algorithm string) (*device, *refusal) {
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, badRequest("invalid_request", "public_key is no SubjectPublicKeyInfo in base64")
	}
	d := &device{id: rand.Text(), algorithm: algorithm}
	fits := false
	switch algorithm {
	case deviceDER, deviceFixed:
		d.ec, fits = key.(*ecdsa.PublicKey)
		fits = fits && d.ec.Curve == elliptic.P256()
	case deviceEdDSA:
		d.edwards, fits = key.(ed25519.PublicKey)
	default:
		return nil, badRequest("invalid_request", "algorithm is none of ES256-DER, ES256, EdDSA")
	}
	if !fits {
		return nil, badRequest("invalid_request", "public_key is not of the kind that the algorithm asks for")
	}
	return d, nil
}

// canonical is what a device signs.
func canonical(device, challenge string) []byte {
	return []byte("bank-login-v1\n" + device + "\n" + challenge)
}

// verify says whether a signature is right, and whether a verifier that has lost the
// zeros at the front of r or s would refuse it.
func (d *device) verify(data, signature []byte) (right, padded bool) {
	if d.edwards != nil {
		return ed25519.Verify(d.edwards, data, signature), false
	}
	r, s, ok := d.numbers(signature)
	if !ok {
		return false, false
	}
	sum := sha256.Sum256(data)
	return ecdsa.Verify(d.ec, sum[:], r, s), r.BitLen() <= 31*8 || s.BitLen() <= 31*8
}

// numbers reads r and s. DER has exactly one form of them, X.690 section 10; that it
// is this one is checked by writing them again.
func (d *device) numbers(signature []byte) (r, s *big.Int, ok bool) {
	if d.algorithm == deviceFixed {
		if len(signature) != 64 {
			return nil, nil, false
		}
		return new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]), true
	}
	return parseDER(signature)
}

// enrol adds a device to a customer; the oldest makes room.
func (v *vault) enrol(c *customer, d *device) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(c.devices) == maxDevices {
		v.dropDevice(c.devices[0])
	}
	d.customer = c
	v.devices[d.id] = d
	c.devices = append(c.devices, d)
}

// dropDevice forgets a device. The caller holds mu.
func (v *vault) dropDevice(d *device) {
	delete(v.devices, d.id)
	d.customer.devices = without(d.customer.devices, d)
}

// release drops the device of a customer. It reports whether they had it.
func (v *vault) release(c *customer, id string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	d := v.devices[id]
	if d == nil || d.customer != c {
		return false
	}
	v.dropDevice(d)
	return true
}

// challengeDevice returns what a device is to sign, and whether there is the device.
func (v *vault) challengeDevice(id, backend string, now time.Time) (string, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	d := v.devices[id]
	if d == nil {
		return "", false
	}
	for len(d.challenges) > 0 && (len(d.challenges) == maxDeviceChallenges || !now.Before(d.challenges[0].until)) {
		d.challenges = d.challenges[1:]
	}
	ch := &deviceChallenge{base64.RawURLEncoding.EncodeToString(randomBytes(32)), backend, now.Add(v.options.ChallengeFor)}
	d.challenges = append(d.challenges, ch)
	return ch.id, true
}

// take returns a device and uses a challenge of it up.
func (v *vault) take(id, challenge string) (*device, *deviceChallenge) {
	d := v.devices[id]
	if d == nil {
		return nil, nil
	}
	for i, ch := range d.challenges {
		if ch.id == challenge {
			d.challenges = append(d.challenges[:i:i], d.challenges[i+1:]...)
			return d, ch
		}
	}
	return d, nil
}

// signedIn ends a login with a device. The challenge is used up whatever becomes of
// it. What a fault refuses does not count towards a lock.
func (v *vault) signedIn(c *call, id, challenge string, signature []byte) (*customer, *refusal) {
	v.mu.Lock()
	defer v.mu.Unlock()
	d, ch := v.take(id, challenge)
	if ch == nil {
		return nil, refuseChallenge
	}
	who := d.customer
	refuse := func(why *refusal) (*customer, *refusal) {
		who.stats.Refused++
		return nil, why
	}
	right, padded := d.verify(canonical(id, challenge), signature)
	switch {
	case !c.now.Before(ch.until):
		return refuse(refuseChallenge)
	case who.isLocked(c.now):
		return refuse(refuseLocked)
	case c.refusesForeign(ch.backend):
		return refuse(refuseChallenge)
	case !right:
		return nil, v.wrong(who, &who.wrongCodes, c.now, refuseSignature)
	case padded && c.padding:
		c.caught = KindPadding
		return refuse(refuseSignature)
	}
	who.wrongCodes = 0
	return who, nil
}
