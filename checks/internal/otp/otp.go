package otp

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
	"time"
)

// A Hash is the hash function inside a code's HMAC. The zero value is SHA1,
// which nearly every bank and authenticator app uses.
type Hash int

// The hash functions of RFC 6238 section 1.2.
const (
	SHA1 Hash = iota
	SHA256
	SHA512
)

// ParseHash returns the hash called name: "SHA1", "SHA256" or "SHA512", as
// otpauth URLs write them; "" is SHA1.
func ParseHash(name string) (Hash, error) {
	switch name {
	case "", "SHA1", "sha1":
		return SHA1, nil
	case "SHA256", "sha256":
		return SHA256, nil
	case "SHA512", "sha512":
		return SHA512, nil
	}
	return 0, fmt.Errorf("hash %q is none of SHA1, SHA256, SHA512", name)
}

// String returns the name that [ParseHash] reads.
func (h Hash) String() string {
	switch h {
	case SHA1:
		return "SHA1"
	case SHA256:
		return "SHA256"
	case SHA512:
		return "SHA512"
	}
	return fmt.Sprintf("Hash(%d)", int(h))
}

func (h Hash) new() hash.Hash {
	switch h {
	case SHA256:
		return sha256.New()
	case SHA512:
		return sha512.New()
	}
	return sha1.New()
}

// DefaultPeriod is how long a TOTP code lives, unless told otherwise.
const DefaultPeriod = 30 * time.Second

// Options say how TOTP codes are made. The zero value is what nearly everybody
// uses: 6 digits, 30 seconds, SHA1.
type Options struct {
	Digits int           // 6 to 8; 0 is 6
	Period time.Duration // whole seconds, at least one; 0 is [DefaultPeriod]
	Hash   Hash          // 0 is [SHA1]
}

// Check returns what is wrong with o, or nil. Options that come from a person
// are checked first: the other functions panic for wrong ones.
func (o Options) Check() error {
	switch {
	case o.Digits != 0 && (o.Digits < 6 || o.Digits > 8):
		return fmt.Errorf("one-time code has %d digits, want 6 to 8", o.Digits)
	case o.Period < 0 || o.Period%time.Second != 0:
		return fmt.Errorf("one-time code period is %v, want whole seconds, at least one", o.Period)
	case o.Hash < SHA1 || o.Hash > SHA512:
		return fmt.Errorf("one-time code hash is %v, want SHA1, SHA256 or SHA512", o.Hash)
	}
	return nil
}

func (o Options) withDefaults() Options {
	if err := o.Check(); err != nil {
		panic("otp: " + err.Error())
	}
	if o.Digits == 0 {
		o.Digits = 6
	}
	if o.Period == 0 {
		o.Period = DefaultPeriod
	}
	return o
}

// HOTP returns the code of key at counter, RFC 4226 section 5.3, as exactly
// digits decimal digits. digits is 6 to 8, or 0 for 6; for others it panics.
func HOTP(key []byte, counter uint64, digits int) string {
	return code(key, counter, Options{Digits: digits}.withDefaults())
}

// TOTP returns the code of key at the time at, RFC 6238 section 4. It panics
// for options that do not pass [Options.Check].
func TOTP(key []byte, at time.Time, o Options) string {
	o = o.withDefaults()
	return code(key, Step(at, o.Period), o)
}

// Step returns the number of whole periods between 1970 and at. A period of 0
// is [DefaultPeriod]; less than a second, or times before 1970, give 0.
func Step(at time.Time, period time.Duration) uint64 {
	if period == 0 {
		period = DefaultPeriod
	}
	seconds := int64(period / time.Second)
	if seconds <= 0 || at.Unix() <= 0 {
		return 0
	}
	return uint64(at.Unix() / seconds)
}

// Verify reports whether got is the code of key at the time at, or at up to
// skew steps before or after it, and which step it is the code of. Of several
// it is the earliest. A verifier that remembers the step, and takes only later
// ones, accepts every code once (RFC 6238 section 5.2).
//
// The time it takes does not depend on which step matches, or whether one
// does. A skew below 0 is 0. It panics for wrong options, as [TOTP] does.
func Verify(key []byte, got string, at time.Time, skew int, o Options) (step uint64, ok bool) {
	o = o.withDefaults()
	now, width := Step(at, o.Period), uint64(max(skew, 0))
	first := now - min(width, now)
	found := 0
	for s := now + width; ; s-- {
		equal := subtle.ConstantTimeCompare([]byte(code(key, s, o)), []byte(got))
		found |= equal
		mask := -uint64(equal)
		step = step&^mask | s&mask
		if s == first {
			return step, found == 1
		}
	}
}

var powers = [...]uint32{6: 1e6, 7: 1e7, 8: 1e8}

func code(key []byte, counter uint64, o Options) string {
	mac := hmac.New(o.Hash.new, key)
	var message [8]byte
	binary.BigEndian.PutUint64(message[:], counter)
	mac.Write(message[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf // dynamic truncation, RFC 4226 section 5.3
	number := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", o.Digits, number%powers[o.Digits])
}
