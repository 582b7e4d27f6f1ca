package webauthn

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
)

// The flags of authenticator data, section 6.1.
const (
	userPresent  = 0x01
	userVerified = 0x04
	attested     = 0x40
)

// publicKey is the one type of credentials there is, section 5.8.2.
const publicKey = "public-key"

// A Credential is a passkey that exists.
type Credential struct {
	// ID is what the registration returned, decoded. 1 to 1023 bytes.
	ID []byte
	// Key is the key it was registered with.
	Key *Key
	// UserHandle is the user's id of the registration, decoded, at most 64 bytes. It
	// is sent if there is one; a relying party that names no credentials needs it.
	UserHandle []byte
	// Counter is the signature counter to send. It must be larger each time, or
	// else always zero, which says that there is none.
	Counter uint32
}

// ParseCredential reads a passkey: its id and user handle in base64url, the latter
// "" if there is none, and its key as [ParseKey] does.
func ParseCredential(id, userHandle, key string, counter int) (Credential, error) {
	c := Credential{Counter: uint32(counter)}
	if counter < 0 || int64(counter) > math.MaxUint32 {
		return c, fmt.Errorf("%w: its counter is %d, want 0 to %d", ErrCredential, counter, int64(math.MaxUint32))
	}
	var err error
	if c.ID, err = decode(id); err != nil {
		return c, fmt.Errorf("%w: its id: %w", ErrCredential, err)
	}
	if c.UserHandle, err = decode(userHandle); err != nil {
		return c, fmt.Errorf("%w: its user handle: %w", ErrCredential, err)
	}
	if c.Key, err = ParseKey(key); err != nil {
		return c, err
	}
	return c, c.check()
}

func (c Credential) check() error {
	if len(c.ID) == 0 || len(c.ID) > 1023 {
		return fmt.Errorf("%w: its id has %d bytes, want 1 to 1023", ErrCredential, len(c.ID))
	}
	if len(c.UserHandle) > 64 {
		return fmt.Errorf("%w: its user handle has %d bytes, want at most 64", ErrCredential, len(c.UserHandle))
	}
	return nil
}

func authenticatorData(rp string, flags byte, counter uint32) []byte {
	sum := sha256.Sum256([]byte(rp))
	return binary.BigEndian.AppendUint32(append(sum[:], flags), counter)
}
