package webauthn

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
)

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
