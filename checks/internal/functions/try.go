package functions

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/checks/internal/webauthn"
)

// An ArgumentError is the error of a call whose key, secret, algorithm or another
// argument that its author chooses is wrong, whatever the other arguments are.
type ArgumentError struct {
	Func string // the function that was called
	Arg  int    // which argument, from 0
	Err  error  // why; no part of the argument is in it
}

func (e *ArgumentError) Error() string { return e.Func + ": " + e.Err.Error() }

// Unwrap returns why the argument is wrong.
func (e *ArgumentError) Unwrap() error { return e.Err }

// Try tries the arguments of a call that its author chooses, as far as they are
// known: nil stands for one that is not. It returns an [*ArgumentError] for the
// first that is wrong, and nil where there is nothing to find.
func (f Func) Try(args []any) error {
	if f.trial == nil {
		return nil
	}
	t := &trial{args: args}
	f.trial(t)
	if t.err == nil {
		return nil
	}
	return &ArgumentError{Func: f.Name, Arg: t.at, Err: t.err}
}

// A trial tries the arguments of one call. Its first mistake stays in err.
type trial struct {
	args []any
	at   int
	err  error
}

func (t *trial) note(i int, err error) {
	if t.err == nil && err != nil {
		t.at, t.err = i, err
	}
}

// text calls try with argument i if it is known.
func (t *trial) text(i int, try func(text string) error) {
	if s, ok := t.known(i).(string); ok {
		t.note(i, try(s))
	}
}

// whole calls try with argument i if it is known.
func (t *trial) whole(i int, try func(n int) error) {
	if n, ok := t.known(i).(int); ok {
		t.note(i, try(n))
	}
}

func (t *trial) known(i int) any {
	if i < len(t.args) {
		return t.args[i]
	}
	return nil
}

// triedSecret is a secret of codes to try the other arguments with.
const triedSecret = "AAAAAAAA"

func tryTOTP(t *trial) {
	with := func(secret string, digits, period int, algorithm string) error {
		_, err := TOTP(secret, time.Unix(0, 0), digits, period, algorithm)
		return err
	}
	t.text(0, func(secret string) error { return with(secret, 0, 30, "") })
	t.whole(1, func(digits int) error { return with(triedSecret, digits, 30, "") })
	t.whole(2, func(period int) error { return with(triedSecret, 0, period, "") })
	t.text(3, func(algorithm string) error { return with(triedSecret, 0, 30, algorithm) })
}

func tryHOTP(t *trial) {
	with := func(secret string, counter, digits int) error {
		_, err := HOTP(secret, counter, digits)
		return err
	}
	t.text(0, func(secret string) error { return with(secret, 0, 0) })
	t.whole(1, func(counter int) error { return with(triedSecret, counter, 0) })
	t.whole(2, func(digits int) error { return with(triedSecret, 0, digits) })
}

func tryNewKey(t *trial) { t.text(0, jose.CheckKeyAlgorithm) }

func tryPublicKey(t *trial) {
	t.text(1, checkForm)
	t.text(0, func(key string) error {
		form, ok := t.known(1).(string)
		if !ok || checkForm(form) != nil {
			form = "spki"
		}
		_, err := PublicKey(key, form)
		return err
	})
}

func tryThumbprint(t *trial) {
	t.text(0, func(key string) error { _, err := Thumbprint(key); return err })
}

func tryCertificate(t *trial) {
	t.text(0, func(text string) error { _, err := CertificateThumbprint(text); return err })
}

// trySigner tries a key and an algorithm, one of all. Which keys are right only the
// algorithm says.
func trySigner(key, algorithm int, all []string) func(t *trial) {
	return func(t *trial) {
		t.text(algorithm, func(alg string) error { return checkAlgorithm(alg, all) })
		t.text(key, func(text string) error {
			alg, ok := t.known(algorithm).(string)
			if !ok || !slices.Contains(all, alg) {
				return nil
			}
			_, err := jose.NewSigner(text, strings.TrimSuffix(alg, "-DER"))
			return err
		})
	}
}

// checkAlgorithm does not repeat an unknown one: it may be the key, in the wrong
// place.
func checkAlgorithm(algorithm string, all []string) error {
	if !slices.Contains(all, algorithm) {
		return fmt.Errorf("algorithm is none of %s", strings.Join(all, ", "))
	}
	return nil
}

// checkForm does not repeat an unknown one, for the same reason.
func checkForm(form string) error {
	if !slices.Contains([]string{"pem", "spki", "point", "jwk"}, form) {
		return errors.New("form is none of pem, spki, point, jwk")
	}
	return nil
}

func tryPasskeyCreate(t *trial) {
	t.text(1, webauthn.CheckOrigin)
	t.text(2, tryPasskey)
}

func tryPasskey(key string) error { _, err := webauthn.ParseKey(key); return err }

// triedID is the id of a passkey to try the other arguments with.
const triedID = "AQID"

// tryPasskeyGet tries id, user handle and counter with a key that is none: what is
// wrong with them is found before it is read.
func tryPasskeyGet(t *trial) {
	with := func(id, handle string, counter int) error {
		if _, err := webauthn.ParseCredential(id, handle, "", counter); errors.Is(err, webauthn.ErrCredential) {
			return err
		}
		return nil
	}
	t.text(1, webauthn.CheckOrigin)
	t.text(2, func(id string) error { return with(id, "", 0) })
	t.text(3, tryPasskey)
	t.whole(4, func(counter int) error { return with(triedID, "", counter) })
	t.text(5, func(handle string) error { return with(triedID, handle, 0) })
}
