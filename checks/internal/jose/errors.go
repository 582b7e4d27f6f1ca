package jose

import (
	"errors"
	"time"
)

// Why a token is not accepted. Every error of [Verify] and [VerifyResponse] that
// is the token's fault is one of them to errors.Is; others are the caller's.
var (
	ErrMalformed    = errors.New("token is malformed")
	ErrAlgorithm    = errors.New("token's algorithm is not allowed")
	ErrUnknownKey   = errors.New("token's key is unknown")
	ErrAmbiguousKey = errors.New("token's key is ambiguous")
	ErrSignature    = errors.New("token's signature is wrong")
	ErrIssuer       = errors.New("token's issuer is wrong")
	ErrAudience     = errors.New("token's audience is wrong")
	ErrSubject      = errors.New("token's subject is wrong")
	ErrExpired      = errors.New("token has expired")
	ErrNotYetValid  = errors.New("token is not valid yet")
	ErrStale        = errors.New("token was issued too long ago")
	ErrNonce        = errors.New("token's nonce is wrong")
	ErrHash         = errors.New("token's hash is wrong")
	ErrAuthTime     = errors.New("token's authentication is too old")
	ErrACR          = errors.New("token's authentication context is wrong")
)

// An Error says why a token was not accepted. Its text is of a closed list of
// sentences, with times and the names of known algorithms in them.
type Error struct {
	kind error
	text string
	skew time.Duration
	off  bool
}

func (e *Error) Error() string { return e.text }

// Unwrap returns one of the Err… values.
func (e *Error) Unwrap() error { return e.kind }

// Skew reports whether the clock of who issued a token may be what is wrong:
// the token is [ErrExpired], [ErrNotYetValid] or [ErrStale], and was by its iat
// (or its nbf, where it has none) issued further from the verifier's now than the
// leeway. The result is how far the clock is ahead, less than zero if behind.
//
// This holds for a token that was just handed out, for its iat ought to be now.
// One that was kept for a while is simply old. A server that hands out an old
// token again looks like one whose clock is behind.
func Skew(err error) (ahead time.Duration, ok bool) {
	if e, is := errors.AsType[*Error](err); is && e.off {
		return e.skew, true
	}
	return 0, false
}
