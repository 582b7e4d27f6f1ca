package banktest

import (
	"net/http"
	"net/url"
	"time"
)

// The types of one-time codes.
const (
	codeTOTP = "totp" // RFC 6238, the default
	codeHOTP = "hotp" // RFC 4226
)

// The steps of the API: what faults match by, and what requests are counted by.
const (
	StepLogin           = "login"
	StepOTP             = "otp"
	StepDeviceChallenge = "device_challenge"
	StepDeviceLogin     = "device_login"
	StepAccounts        = "accounts"
	StepDeviceEnrol     = "device_enrol"
	StepDeviceRemove    = "device_remove"
	StepRefresh         = "refresh"
	StepLogout          = "logout"
	StepRevoke          = "revoke"
	StepStatus          = "status"
	StepKeys            = "keys"
	StepMetadata        = "metadata"
	StepAuthorize       = "authorize"
	StepSignIn          = "sign_in"
	StepToken           = "token"
	StepStepUp          = "step_up"
	StepTransfer        = "transfer"
	StepPayment         = "payment"
	StepSettings        = "settings"

	stepAdmin = "admin" // the paths below /-/; not counted
	stepOther = "other" // any other path; counted, but no fault meets it
)

// Steps returns the names of the steps in the order of a login.
func Steps() []string {
	return []string{
		StepLogin, StepOTP, StepDeviceChallenge, StepDeviceLogin, StepAccounts, StepDeviceEnrol, StepDeviceRemove,
		StepRefresh, StepLogout, StepRevoke, StepStatus, StepKeys, StepMetadata, StepAuthorize, StepSignIn, StepToken, StepStepUp, StepTransfer, StepPayment, StepSettings,
	}
}

// A route is one endpoint.
type route struct {
	step, method string
	do           func(*Bank, *call) answer
}

// routes are the endpoints whose path is always the same; [routeOf] knows the others.
var routes = map[string]route{
	"/v1/login":         {StepLogin, "POST", (*Bank).login},
	"/v1/login/otp":     {StepOTP, "POST", (*Bank).otp},
	"/v1/login/device":  {StepDeviceLogin, "POST", (*Bank).deviceLogin},
	"/v1/devices":       {StepDeviceEnrol, "POST", (*Bank).enrol},
	"/v1/accounts":      {StepAccounts, "GET", (*Bank).accounts},
	"/v1/token/refresh": {StepRefresh, "POST", (*Bank).refresh},
	"/v1/logout":        {StepLogout, "POST", (*Bank).logout},
	"/v1/revoke":        {StepRevoke, "POST", (*Bank).revoke},
	"/v1/status":        {StepStatus, "GET", (*Bank).status},
	"/v1/step-up":       {StepStepUp, "POST", (*Bank).stepUp},
	"/v1/transfers":     {StepTransfer, "POST", (*Bank).transfer},
	"/v1/settings":      {StepSettings, "POST", (*Bank).settings},

	"/.well-known/jwks.json": {StepKeys, "GET", (*Bank).keys},
	"/oauth/authorize":       {StepAuthorize, "GET", (*Bank).authorize},
	"/oauth/sign-in":         {StepSignIn, "POST", (*Bank).signIn},
	"/oauth/token":           {StepToken, "POST", (*Bank).token},

	"/.well-known/oauth-authorization-server": {StepMetadata, "GET", (*Bank).metadata},
}

// A call is one request to an endpoint, read and given to a backend.
type call struct {
	request *http.Request
	body    []byte
	step    string
	backend Backend
	now     time.Time     // by the bank's clock
	skew    time.Duration // how far the backend's clock is off
	// failOpen is whether dead tokens are accepted.
	failOpen bool
	// padding and foreign are whether the verifier has these flaws.
	padding, foreign bool
	flaws            flaws
	// caught is the fault, of those that meet some requests alone, that has changed the
	// answer to this one; "" if none has.
	caught Kind
	// lax are what faults accept, words of [Flaws].
	lax []string
}

// refusesForeign reports whether the challenge of another backend is unknown to this
// one. The caller answers so.
func (c *call) refusesForeign(issuer string) bool {
	if !c.foreign || issuer == c.backend.Name {
		return false
	}
	c.caught = KindForeign
	return true
}

func (b *Bank) login(c *call) answer {
	var in struct{ Username, Password string }
	if why := c.decode(&in); why != nil {
		return why.answer()
	}
	if why := want("username", in.Username, "password", in.Password); why != nil {
		return why.answer()
	}
	b.stall(c, in.Username)
	who, why := b.vault.password(c, in.Username, in.Password)
	if why != nil {
		return why.answer()
	}
	if b.options.PasswordOnly {
		return answerJSON(200, b.vault.login(c, who))
	}
	return answerJSON(200, b.challengeAnswer(b.vault.challenge(who, c.backend.Name, c.now)))
}

func (b *Bank) otp(c *call) answer {
	var in struct{ Challenge, Code, Type string }
	if why := c.decode(&in); why != nil {
		return why.answer()
	}
	if why := want("challenge", in.Challenge, "code", in.Code); why != nil {
		return why.answer()
	}
	if in.Type != "" && in.Type != codeTOTP && in.Type != codeHOTP {
		return badRequest("invalid_request", "type is none of totp, hotp").answer()
	}
	who, why := b.vault.redeem(c, in.Challenge, in.Code, in.Type == codeHOTP)
	if why != nil {
		return why.answer()
	}
	return answerJSON(200, b.vault.login(c, who))
}

func (b *Bank) accounts(c *call) answer {
	who, session, why := b.bearer(c)
	if why != nil {
		return why.answer()
	}
	if !session.hasScope("accounts") && !c.accepts("scope") {
		return refuseScope.answer()
	}
	return answer{status: 200, body: who.accounts}
}

func (b *Bank) refresh(c *call) answer {
	var in struct {
		Token string `json:"refresh_token"`
	}
	if why := c.decode(&in); why != nil {
		return why.answer()
	}
	if why := want("refresh_token", in.Token); why != nil {
		return why.answer()
	}
	granted, opened, why := b.vault.refresh(c, in.Token)
	if why != nil {
		return why.answer()
	}
	if opened {
		c.caught = KindFailOpen
	}
	return answerJSON(200, granted)
}

func (b *Bank) logout(c *call) answer {
	_, session, why := b.bearer(c)
	if why != nil {
		return why.answer()
	}
	if session != nil {
		b.vault.logout(session, c.now)
	}
	return answer{status: 204}
}

// revoke is RFC 7009: the answer does not tell whether there was such a token.
func (b *Bank) revoke(c *call) answer {
	if why := checkType(c.request, "application/x-www-form-urlencoded"); why != nil {
		return why.answer()
	}
	form, err := url.ParseQuery(string(c.body))
	if err != nil {
		return badRequest("invalid_request", "the body is not a form").answer()
	}
	if why := want("token", form.Get("token")); why != nil {
		return why.answer()
	}
	b.vault.revoke(c, form.Get("token"))
	return answerJSON(200, struct{}{})
}

func (b *Bank) status(*call) answer {
	return answerJSON(200, map[string]string{"status": "ok"})
}
