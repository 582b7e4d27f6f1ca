package webauthn

import "errors"

// Why there is no credential, for errors.Is. The first three are mistakes of the
// caller, the others of the relying party.
var (
	// ErrKey is of a key that is no P-256, Ed25519 or RSA key in PEM.
	ErrKey = errors.New("the key of the passkey")
	// ErrOrigin is of an origin that no browser would run a ceremony for.
	ErrOrigin = errors.New("the origin of the passkey")
	// ErrCredential is of an id or a user handle that is none, or a counter beyond
	// 32 bits.
	ErrCredential = errors.New("the passkey")
	// ErrOptions is of options that lack what they must have, or have it wrong.
	ErrOptions = errors.New("the options")
	// ErrRelyingParty is of an RP ID that is not the origin's host, nor a domain
	// above it.
	ErrRelyingParty = errors.New("the relying party is not that of the origin")
	// ErrAlgorithm is of options that do not take signatures by the key.
	ErrAlgorithm = errors.New("the options do not allow the key's algorithm")
	// ErrNotAllowed is of options that allow other credentials only.
	ErrNotAllowed = errors.New("the options do not allow this passkey")
)
