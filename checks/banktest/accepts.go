package banktest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What a bank refuses, and a fault of the kind accepts can make it accept, by the word
// after what=, with the steps at which there is such a thing; none is every step that
// takes an access token.
var acceptable = map[string][]string{
	"no_token":         nil, // a request without Authorization
	"empty_token":      nil, // Authorization: Bearer
	"any_scheme":       nil, // a good token behind another scheme
	"signature":        nil, // a JWT of the right key id whose signature is wrong
	"alg_none":         nil, // a JWT of alg none
	"hs256_public_key": nil, // a JWT signed with HS256 and the public key in PEM
	"unknown_kid":      nil, // a JWT under a kid that is in no key set
	"embedded_key":     nil, // a JWT signed with the key in its own header
	"issuer":           nil, // a JWT of another issuer
	"audience":         nil, // a JWT for another audience, signed rightly
	"scope":            nil, // a token whose scope is too small
	"dpop_missing":     nil, // a token that is bound to a key, without a proof
	"dpop_htu":         nil, // a proof for another URL
	"dpop_key":         nil, // a proof of another key
	"dpop_replay":      nil, // a proof that came before
	"dpop_bearer":      nil, // a token that is bound to a key, as Bearer

	"client_redirect_uri": {StepAuthorize}, // one that is not the client's
	"code_replay":         {StepToken},
	"verifier":            {StepToken},
	"redirect_uri":        {StepToken}, // another one than was asked with
	"assertion_replay":    {StepToken},
	"assertion_expired":   {StepToken},

	"step_up": {StepTransfer},
	"body":    {StepPayment},
	"csrf":    {StepSettings},
}

// Flaws returns the words that a fault of the kind accepts may have as what.
func Flaws() []string { return slices.Sorted(maps.Keys(acceptable)) }

// checkWhat says what is wrong with the word of a fault of the kind accepts.
func (f Fault) checkWhat() error {
	steps, ok := acceptable[f.What]
	switch {
	case f.What == "":
		return fmt.Errorf("what is missing, want one of %s", strings.Join(Flaws(), ", "))
	case !ok:
		return fmt.Errorf("unknown what %q, want %s", f.What, strings.Join(Flaws(), ", "))
	case steps == nil:
		return f.onlyAt("which takes no token", tokenSteps...)
	}
	return f.onlyAt("which never sees "+f.What, steps...)
}

// tokenSteps are those that take an access token.
var tokenSteps = []string{StepAccounts, StepDeviceEnrol, StepDeviceRemove, StepLogout, StepStepUp, StepTransfer, StepPayment, StepSettings}

// accepts reports whether a fault lets in what the request is about to be refused for.
// The caller asks only where nothing else is wrong with it, and lets it in then.
func (c *call) accepts(what string) bool {
	if !slices.Contains(c.lax, what) {
		return false
	}
	c.caught = KindAccepts
	return true
}
