package banktest

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"crypto/hmac"
)

// What a session needs beside a token, and does not have.
var (
	// RFC 9470 section 3.
	refuseWeak = &refusal{status: 401, code: "insufficient_user_authentication",
		challenge: `Bearer realm="bank", error="insufficient_user_authentication", acr_values="strong"`}
	// RFC 6750 section 3.1.
	refuseScope = &refusal{status: 403, code: "insufficient_scope", challenge: `Bearer realm="bank", error="insufficient_scope", scope="accounts"`}
	refuseBody  = &refusal{status: 401, code: "invalid_signature", about: "x-jws-signature is none of the device over this body"}
	refuseCSRF  = &refusal{status: 403, code: "csrf", about: "csrf_token is not that of the session"}
)

// stepUp makes the session strong: the password once more.
func (b *Bank) stepUp(c *call) answer {
	who, session, why := b.bearer(c)
	if why != nil {
		return why.answer()
	}
	var in struct{ Password string }
	if why := c.decode(&in); why != nil {
		return why.answer()
	}
	if why := want("password", in.Password); why != nil {
		return why.answer()
	}
	if _, why := b.vault.password(c, who.Username, in.Password); why != nil {
		return why.answer()
	}
	b.vault.strengthen(session)
	return answerJSON(200, map[string]string{"acr": "strong", "csrf_token": b.vault.csrf(session)})
}

// transfer pretends to pay; a strong session may.
func (b *Bank) transfer(c *call) answer {
	_, session, why := b.bearer(c)
	if why != nil {
		return why.answer()
	}
	if !b.vault.isStrong(session) && !c.accepts("step_up") {
		return refuseWeak.answer()
	}
	return answerJSON(201, map[string]string{"transfer": "pending"})
}

// settings takes a form, as a page would send it: with a token of the session against
// requests that other sites forge.
func (b *Bank) settings(c *call) answer {
	_, session, why := b.bearer(c)
	if why != nil {
		return why.answer()
	}
	form, why := c.form()
	if why != nil {
		return why.answer()
	}
	right := hmac.Equal([]byte(form.Get("csrf_token")), []byte(b.vault.csrf(session)))
	if !right && !c.accepts("csrf") {
		return refuseCSRF.answer()
	}
	return answer{status: 204}
}

// payment pretends to pay; its body is signed by a device of the customer.
func (b *Bank) payment(c *call) answer {
	who, _, why := b.bearer(c)
	if why != nil {
		return why.answer()
	}
	d := b.vault.deviceOf(who, c.device())
	if d == nil {
		return refuseDevice.answer()
	}
	if !d.signed(c.request.Header.Get("x-jws-signature"), c.body) && !c.accepts("body") {
		return refuseBody.answer()
	}
	return answerJSON(201, map[string]string{"payment": "pending"})
}

// signed verifies a detached JWS of ES256 (RFC 7515 appendix F) over a body.
func (d *device) signed(text string, body []byte) bool {
	parts := strings.Split(text, ".")
	if len(parts) != 3 || parts[1] != "" || d.ec == nil {
		return false
	}
	var header struct{ Alg string }
	p, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil || json.Unmarshal(p, &header) != nil || header.Alg != "ES256" {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	return err == nil && verifyES256(d.ec, []byte(parts[0]+"."+base64.RawURLEncoding.EncodeToString(body)), signature)
}

// deviceOf is the device of a customer; nil where they have none of that id.
func (v *vault) deviceOf(who *customer, id string) *device {
	v.mu.Lock()
	defer v.mu.Unlock()
	if d := v.devices[id]; d != nil && d.customer == who {
		return d
	}
	return nil
}

// strengthen notes that the customer of a session has shown again who they are.
func (v *vault) strengthen(s *session) {
	if s == nil {
		return // there is none: a fault has let somebody in
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s.strong = true
}

func (v *vault) isStrong(s *session) bool {
	if s == nil {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return s.strong
}

// csrf is the token of a session's forms.
func (v *vault) csrf(s *session) string {
	if s == nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(v.mac(append([]byte("csrf"), s.id[:]...)))
}
