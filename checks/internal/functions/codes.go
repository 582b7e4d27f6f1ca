package functions

import (
	"errors"
	"fmt"
	"time"

	"github.com/authprober/authprober/checks/internal/otp"
)

func codes() []Func {
	return []Func{{
		Name: "totp", Usage: "totp(secret, [digits], [period], [algorithm])",
		Doc: "The one-time code of now, RFC 6238. The secret is base32 as apps show it; digits are 6 unless given, " +
			"the period is 30 seconds, and the algorithm SHA1, or else SHA256 or SHA512.",
		Example: `totp(account.totp_secret, 8, 30, "SHA256")`,
		Types: []any{new(func(string, int, int, string) string), new(func(string, int, int) string),
			new(func(string, int) string), new(func(string) string)},
		trial: tryTOTP,
		Call: call("totp", 1, 4, func(a *arguments) (any, error) {
			secret, digits, period, algorithm := a.text(0), a.whole(1), 30, a.text(3)
			if len(a.args) > 2 {
				period = a.whole(2)
			}
			if a.err != nil {
				return nil, nil
			}
			return TOTP(secret, time.Now(), digits, period, algorithm)
		}),
	}, {
		Name: "hotp", Usage: "hotp(secret, counter, [digits])",
		Doc:     "The one-time code of a counter, RFC 4226. Secret and digits are those of totp.",
		Example: `hotp(account.hotp_secret, 7)`,
		Types:   []any{new(func(string, int, int) string), new(func(string, int) string)},
		trial:   tryHOTP,
		Call: call("hotp", 2, 3, func(a *arguments) (any, error) {
			secret, counter, digits := a.text(0), a.whole(1), a.whole(2)
			if a.err != nil {
				return nil, nil
			}
			return HOTP(secret, counter, digits)
		}),
	}}
}

// TOTP returns the one-time code of secret, in base32, at the time now. digits
// are 6 to 8, or 0 for 6; the period is in seconds, 1 to a day; the algorithm is
// SHA1, SHA256 or SHA512, or "" for SHA1.
func TOTP(secret string, now time.Time, digits, period int, algorithm string) (string, error) {
	hash, err := otp.ParseHash(algorithm)
	if err != nil {
		return "", errors.New("algorithm is none of SHA1, SHA256, SHA512") // what was given may be the secret
	}
	if period < 1 || period > 24*60*60 {
		return "", fmt.Errorf("period is %d seconds, want 1 to 86400", period)
	}
	o := otp.Options{Digits: digits, Period: time.Duration(period) * time.Second, Hash: hash}
	if err := o.Check(); err != nil {
		return "", err
	}
	key, err := otp.DecodeSecret(secret)
	if err != nil {
		return "", err
	}
	return otp.TOTP(key, now, o), nil
}

// HOTP returns the one-time code of secret, in base32, at a counter from 0 on.
// digits are 6 to 8, or 0 for 6.
func HOTP(secret string, counter, digits int) (string, error) {
	if counter < 0 {
		return "", fmt.Errorf("counter is %d, want at least 0", counter)
	}
	if err := (otp.Options{Digits: digits}).Check(); err != nil {
		return "", err
	}
	key, err := otp.DecodeSecret(secret)
	if err != nil {
		return "", err
	}
	return otp.HOTP(key, uint64(counter), digits), nil
}
