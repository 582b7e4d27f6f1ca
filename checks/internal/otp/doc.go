// Package otp computes and verifies one-time codes: HOTP (RFC 4226), counted by
// a counter, and TOTP (RFC 6238), counted by the clock.
//
// # Words
//
// A key is the secret as bytes, and a secret is the same thing as people see
// it: base32, as an authenticator app shows it ([DecodeSecret]). A step is a
// TOTP counter: how many periods have passed since 1970 ([Step]).
//
// # What to know
//
// A code proves who somebody is only once. RFC 6238 section 5.2 has a verifier
// refuse a code it has accepted before, so an account logs in at most once a
// period, and a verifier remembers the step that [Verify] returns.
//
// Neither a key nor a secret nor a code is ever part of an error here.
//
// Every function is pure and safe for concurrent use.
package otp
