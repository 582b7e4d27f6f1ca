package webauthn

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

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
