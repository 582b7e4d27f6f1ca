package webauthn

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
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

// Create answers a registration for a page or an app of origin, with a fresh id of
// 32 random bytes: section 5.1.3. The result is a RegistrationResponseJSON of
// texts, numbers, lists and maps; its "id" is the new passkey's. The counter is
// zero.
//
// Of the options it reads challenge, rp, user, pubKeyCredParams,
// authenticatorSelection.authenticatorAttachment and extensions.credProps.
// Attestation is always none, which a relying party may refuse.
func Create(options map[string]any, origin string, key *Key) (map[string]any, error) {
	id := make([]byte, 32)
	_, _ = rand.Read(id) // never fails; see its documentation
	return creation{id: id, flags: userPresent | userVerified}.create(options, origin, key)
}

// A creation is what of a new credential does not follow from its options.
type creation struct {
	id     []byte
	aaguid [16]byte
	flags  byte
}

func (c creation) create(options map[string]any, origin string, key *Key) (map[string]any, error) {
	o, err := unwrap(options)
	if err != nil {
		return nil, err
	}
	challenge, err := octets(o, "challenge")
	if err != nil {
		return nil, err
	}
	rp, err := relyingParty(o, origin)
	if err != nil {
		return nil, err
	}
	if err := checkUser(o); err != nil {
		return nil, err
	}
	if err := checkAlgorithm(o, key.algorithm); err != nil {
		return nil, err
	}
	return c.response(o, clientData("webauthn.create", challenge, origin), rp, key)
}

// response is a RegistrationResponseJSON, section 5.1.
func (c creation) response(o map[string]any, client []byte, rp string, key *Key) (map[string]any, error) {
	attachment, properties, err := extras(o)
	if err != nil {
		return nil, err
	}
	public, err := key.spki()
	if err != nil {
		return nil, err
	}
	data := c.authenticatorData(rp, key)
	object := appendCBOR(nil, cborMap{{"fmt", "none"}, {"attStmt", cborMap{}}, {"authData", data}})
	return map[string]any{
		"id": encode(c.id), "rawId": encode(c.id), "type": publicKey,
		"authenticatorAttachment": attachment, "clientExtensionResults": properties,
		"response": map[string]any{
			"clientDataJSON":     encode(client),
			"attestationObject":  encode(object),
			"authenticatorData":  encode(data),
			"publicKey":          encode(public),
			"publicKeyAlgorithm": key.algorithm,
			"transports":         []any{"internal"},
		},
	}, nil
}

// authenticatorData has the new credential in it, sections 6.1 and 6.5.1.
func (c creation) authenticatorData(rp string, key *Key) []byte {
	b := authenticatorData(rp, c.flags|attested, 0)
	b = append(b, c.aaguid[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(c.id)))
	return appendCBOR(append(b, c.id...), key.cose)
}

func authenticatorData(rp string, flags byte, counter uint32) []byte {
	sum := sha256.Sum256([]byte(rp))
	return binary.BigEndian.AppendUint32(append(sum[:], flags), counter)
}

func relyingParty(o map[string]any, origin string) (string, error) {
	rp, err := object(o, "rp")
	if err != nil {
		return "", err
	}
	if rp == nil {
		return "", fmt.Errorf("%w: there is no rp", ErrOptions)
	}
	id, err := text(rp, "id")
	if err != nil {
		return "", err
	}
	return rpID(origin, id)
}

func checkUser(o map[string]any) error {
	user, err := object(o, "user")
	if err != nil {
		return err
	}
	id, err := octets(user, "id")
	if err != nil {
		return fmt.Errorf("user: %w", err)
	}
	if len(id) > 64 {
		return fmt.Errorf("%w: the id of the user has %d bytes, want at most 64", ErrOptions, len(id))
	}
	return nil
}

// checkAlgorithm is step 10 of section 5.1.3: an empty list allows ES256 and
// RS256.
func checkAlgorithm(o map[string]any, algorithm int) error {
	params, err := list(o, "pubKeyCredParams")
	if err != nil {
		return err
	}
	if _, ok := o["pubKeyCredParams"].([]any); !ok {
		return fmt.Errorf("%w: there are no pubKeyCredParams", ErrOptions)
	}
	if len(params) == 0 && algorithm != eddsa {
		return nil
	}
	for _, p := range params {
		if n, ok := number(p["alg"]); ok && n == algorithm && p["type"] == publicKey {
			return nil
		}
	}
	return ErrAlgorithm
}

// extras are the attachment that the options ask for, of the authenticator, and
// whether they ask if the passkey can be discovered.
func extras(o map[string]any) (string, map[string]any, error) {
	results := map[string]any{}
	extensions, err := object(o, "extensions")
	if err != nil {
		return "", nil, err
	}
	if extensions["credProps"] == true {
		results["credProps"] = map[string]any{"rk": true}
	}
	selection, err := object(o, "authenticatorSelection")
	if err != nil {
		return "", nil, err
	}
	if selection["authenticatorAttachment"] == "cross-platform" {
		return "cross-platform", results, nil
	}
	return "platform", results, nil
}

// Get answers an authentication for a page or an app of origin: section 5.1.4.1.
// The result is an AuthenticationResponseJSON of texts and maps.
//
// Of the options it reads challenge, rpId and allowCredentials.
func Get(options map[string]any, origin string, c Credential) (map[string]any, error) {
	return c.get(options, origin, userPresent|userVerified)
}

func (c Credential) get(options map[string]any, origin string, flags byte) (map[string]any, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	o, err := unwrap(options)
	if err != nil {
		return nil, err
	}
	challenge, err := octets(o, "challenge")
	if err != nil {
		return nil, err
	}
	id, err := text(o, "rpId")
	if err != nil {
		return nil, err
	}
	rp, err := rpID(origin, id)
	if err != nil {
		return nil, err
	}
	if err := c.checkAllowed(o); err != nil {
		return nil, err
	}
	return c.response(clientData("webauthn.get", challenge, origin), authenticatorData(rp, flags, c.Counter))
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

// checkAllowed holds the credential against allowCredentials, which allows any if
// it is empty.
func (c Credential) checkAllowed(o map[string]any) error {
	allowed, err := list(o, "allowCredentials")
	if err != nil || len(allowed) == 0 {
		return err
	}
	for _, a := range allowed {
		id, err := octets(a, "id")
		if err != nil {
			return fmt.Errorf("allowCredentials: %w", err)
		}
		if a["type"] == publicKey && slices.Equal(id, c.ID) {
			return nil
		}
	}
	return ErrNotAllowed
}

// response is an AuthenticationResponseJSON, section 5.1. What is signed is the
// authenticator data and the hash of the client data, section 6.3.3.
func (c Credential) response(client, data []byte) (map[string]any, error) {
	hash := sha256.Sum256(client)
	signature, err := c.Key.sign(append(slices.Clone(data), hash[:]...))
	if err != nil {
		return nil, fmt.Errorf("%w: it cannot sign", ErrKey)
	}
	response := map[string]any{
		"clientDataJSON": encode(client), "authenticatorData": encode(data), "signature": encode(signature),
	}
	if len(c.UserHandle) > 0 {
		response["userHandle"] = encode(c.UserHandle)
	}
	return map[string]any{
		"id": encode(c.ID), "rawId": encode(c.ID), "type": publicKey, "response": response,
		"authenticatorAttachment": "platform", "clientExtensionResults": map[string]any{},
	}, nil
}
