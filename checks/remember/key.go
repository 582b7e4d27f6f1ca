package remember

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// A Key encrypts what is remembered and decrypts it. The zero value does not
// encrypt. It is safe for concurrent use, and prints as a constant.
type Key struct {
	identities []age.Identity
	recipient  age.Recipient // the first one's
}

// maxKey is the most that the text of a key may have, in bytes.
const maxKey = 64 << 10

// ParseKey reads identities as age-keygen writes them, AGE-SECRET-KEY-1…, one a
// line; empty lines and those that begin with # mean nothing. The first encrypts,
// all decrypt: to change keys, put the new one on top, and take the old one out
// when every file has been written since; [Open] says if it is too early.
//
// An error says which line is wrong, and nothing of what is in it. That there is
// no identity at all is an error.
func ParseKey(text string) (Key, error) {
	var k Key
	if len(text) > maxKey {
		return k, fmt.Errorf("want at most %d bytes of age identities", maxKey)
	}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		id, err := age.ParseX25519Identity(line)
		if err != nil { // which may quote characters of the line
			return Key{}, fmt.Errorf("line %d: want an age identity, AGE-SECRET-KEY-1… as age-keygen writes it", number)
		}
		if k.identities = append(k.identities, id); k.recipient == nil {
			k.recipient = id.Recipient()
		}
	}
	if k.recipient == nil {
		return k, errors.New("want an age identity, AGE-SECRET-KEY-1… as age-keygen writes it; there is none")
	}
	return k, nil
}

// Format writes a constant.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[age identities]") }

func (k Key) isSet() bool { return k.recipient != nil }

func (k Key) seal(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, k.recipient)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("encrypting: %w", err)
	}
	return b.Bytes(), nil
}

var (
	errNoKey    = errors.New("it is encrypted, and there is no key")
	errOtherKey = errors.New("it is encrypted for another key than those given")
)

// open decrypts. Damage is told as such, whatever the library says of it.
func (k Key) open(sealed []byte) ([]byte, error) {
	if !k.isSet() {
		return nil, errNoKey
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), k.identities...)
	if err != nil {
		if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
			return nil, errOtherKey
		}
		return nil, errors.New("its encryption is damaged")
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, errors.New("its encryption is damaged")
	}
	return text, nil
}
