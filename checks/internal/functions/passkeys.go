package functions

import "github.com/authprober/authprober/checks/internal/webauthn"

func passkeys() []Func {
	return []Func{{
		Name: "passkey_create", Usage: "passkey_create(options, origin, key)",
		Doc: "The credential that answers a registration, Web Authentication Level 3: an object to be sent as JSON, whose id is the new passkey's. " +
			"The options are those that the relying party has sent, with or without publicKey around them; the origin is that of the page, " +
			"or android:apk-key-hash:… of an app; the key is a private key in PEM, on P-256, Ed25519 or RSA. " +
			"The user is verified, the counter is 0 and there is no attestation. Every call makes another id, so capture the credential.",
		Example: `passkey_create(body.registration, "https://bank.example", account.key)`,
		Types:   []any{new(func(map[string]any, string, string) map[string]any)},
		trial:   tryPasskeyCreate,
		Call: call("passkey_create", 3, 3, func(a *arguments) (any, error) {
			options, origin, key := a.object(0), a.text(1), a.text(2)
			if a.err != nil {
				return nil, nil
			}
			return PasskeyCreate(options, origin, key)
		}),
	}, {
		Name: "passkey_get", Usage: "passkey_get(options, origin, credential_id, key, counter, [user_handle])",
		Doc: "The credential that answers an authentication with the passkey of this id and key: an object to be sent as JSON. " +
			"The counter must be larger each time, or else always 0, which says that there is none. The user handle, in base64url, " +
			"is what was user.id in the options of the registration; a relying party that does not ask for the user name needs it.",
		Example: `passkey_get(body.authentication, "https://bank.example", "AQID", account.key, unix(now()))`,
		Types: []any{new(func(map[string]any, string, string, string, int, string) map[string]any),
			new(func(map[string]any, string, string, string, int) map[string]any)},
		trial: tryPasskeyGet,
		Call: call("passkey_get", 5, 6, func(a *arguments) (any, error) {
			options, origin, id, key, counter, handle := a.object(0), a.text(1), a.text(2), a.text(3), a.whole(4), a.text(5)
			if a.err != nil {
				return nil, nil
			}
			return PasskeyGet(options, origin, id, key, counter, handle)
		}),
	}}
}

// PasskeyCreate is [webauthn.Create] with a key in PEM.
func PasskeyCreate(options map[string]any, origin, key string) (map[string]any, error) {
	k, err := webauthn.ParseKey(key)
	if err != nil {
		return nil, err
	}
	return webauthn.Create(options, origin, k)
}

// PasskeyGet is [webauthn.Get] with the id and the user handle in base64url and
// the key in PEM. userHandle may be "".
func PasskeyGet(options map[string]any, origin, id, key string, counter int, userHandle string) (map[string]any, error) {
	c, err := webauthn.ParseCredential(id, userHandle, key, counter)
	if err != nil {
		return nil, err
	}
	return webauthn.Get(options, origin, c)
}
