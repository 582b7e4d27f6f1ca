// Package webauthn is an authenticator and the browser around it, in software: it
// answers what a relying party asks of a passkey, Web Authentication Level 3.
//
// [Create] makes the answer to a registration, [Get] that to an authentication.
// Both take the options as the relying party has sent them, decoded from JSON,
// and return the credential as PublicKeyCredential.toJSON has it, ready to be
// sent. Nothing is kept: the key, the counter and the credential's id are the
// caller's.
//
// The authenticator is one that is bound to its device: user present and
// verified, nothing backed up, no attestation, an AAGUID of zeros. It plays by the
// rules of a browser: an origin that is not secure, a relying party that is not
// the origin's, a credential that is not allowed are refused before anything is
// signed, so that a flow cannot succeed where no phone would.
//
// No error has any text of the options, nor of a key.
package webauthn
