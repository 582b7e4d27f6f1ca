package recording

import (
	"fmt"
	"slices"
	"strings"
)

// A role is what a value is to a login, by the name of the field it stands in.
type role uint8

const (
	noRole       role = iota
	userRole          // who logs in: a field of the account
	passwordRole      // what only they know: a field of the account
	personalRole      // a field of the account
	otpRole           // a one-time code
	secretRole        // of the app: a secret of the flow
	tokenRole         // from an answer; where none had it, a secret
	drawnRole         // drawn by the app, anew for each request
	verifierRole      // RFC 7636
	challengeRole
	publicRole // known to everybody, however random it looks
)

var roles = map[role][]string{
	userRole: {"username", "user", "login", "loginid", "loginname", "userid", "userlogin", "identifier", "identity", "email", "emailaddress", "useremail", "mail",
		"phone", "phonenumber", "mobile", "mobilenumber", "msisdn", "telephone", "customerid", "customernumber", "customerno", "membernumber", "memberid", "accountname", "loginhint", "principal", "uid"},
	passwordRole: {"password", "passwd", "pwd", "pass", "passphrase", "userpassword", "currentpassword", "oldpassword", "newpassword", "confirmpassword", "passwordconfirm", "passwordconfirmation",
		"pin", "mpin", "passcode", "userpin", "memorableword", "secretanswer", "securityanswer"},
	personalRole: {"iban", "pan", "cardnumber", "cvv", "cvc", "ssn", "taxid", "nationalid", "firstname", "lastname", "fullname", "surname", "givenname", "familyname", "birthdate", "dateofbirth", "dob",
		"accountnumber", "sortcode", "postcode", "zipcode", "address", "street", "passportnumber", "deviceid", "deviceuuid", "installationid", "installid", "devicefingerprint", "fingerprint", "xdeviceid", "pushtoken", "devicetoken"},
	otpRole: {"otp", "totp", "code", "otpcode", "totpcode", "mfacode", "mfatoken", "twofactorcode", "2facode", "tfacode", "onetimecode", "onetimepassword", "onetimepasscode", "verificationcode", "authcode", "authenticationcode",
		"smscode", "tan", "securitycode", "confirmationcode", "xotp", "challengeresponse"},
	secretRole: {"clientsecret", "apikey", "xapikey", "appkey", "appsecret", "secret", "secretkey", "sharedsecret", "subscriptionkey", "ocpapimsubscriptionkey", "apisecret", "xapisecret", "privatekey", "signature", "xsignature", "hmac", "clientassertion", "assertion", "xauthkey", "xclientsecret", "xappkey", "key"},
	tokenRole: {"token", "accesstoken", "refreshtoken", "idtoken", "idtokenhint", "sessiontoken", "session", "sessionid", "sid", "authtoken", "xauthtoken", "xaccesstoken", "xsessiontoken", "csrf", "csrftoken", "xcsrf", "xcsrftoken", "xxsrftoken", "xsrftoken",
		"authenticitytoken", "requestverificationtoken", "csrfmiddlewaretoken", "challenge", "challengeid", "logintoken", "jsessionid", "phpsessid", "subjecttoken", "actortoken", "requesturi", "authreqid", "devicecode", "ticket", "jwt", "bearer", "credential"},
	drawnRole:     {"state", "nonce", "xrequestid", "requestid", "xcorrelationid", "correlationid", "idempotencykey", "xidempotencykey", "jti", "xfapiinteractionid", "traceid", "xtraceid", "clientnonce", "transactionid"},
	verifierRole:  {"codeverifier"},
	challengeRole: {"codechallenge"},
	publicRole: {"clientid", "redirecturi", "scope", "scopes", "responsetype", "granttype", "audience", "resource", "codechallengemethod", "responsemode", "prompt", "locale", "language", "uilocales", "accept", "contenttype", "operationname", "query",
		"subjecttokentype", "clientassertiontype", "acrvalues", "currency", "tenant", "realm"},
}

var roleOf = func() map[string]role {
	of := map[string]role{}
	for r, names := range roles {
		for _, name := range names {
			of[name] = r
		}
	}
	return of
}()

// switches are what forms send that turns something on or off, or chooses: no
// secret, whatever the field is called.
var switches = []string{"true", "false", "yes", "on", "off", "null", "none", "self", "email", "phone", "sms", "password", "otp", "totp", "username", "required", "optional"}

// roleFor is the role of a value in a field.
func roleFor(key, value string) role {
	if value == "" {
		return noRole
	}
	name := plain(key)
	r := roleOf[name]
	byWords := roleByWords(key)
	switch {
	case len(value) < 3 || slices.Contains(switches, value) && (byWords != passwordRole || !isGuess(value)):
		return noRole
	case strings.HasPrefix(key, "path ") && isWord(value): // /password/reset
		return noRole
	case r == otpRole && (!isDigits(value) || len(value) < 4 || len(value) > 10):
		if looksRandom(value) || name != "code" {
			return tokenRole // a code of OAuth, or what an app has encoded
		}
		return noRole
	case r == drawnRole && len(value) < 6, name == "key" && !looksRandom(value), name == "query" && looksRandom(value):
		return noRole
	case name == "token" && isDigits(value) && len(value) == 6:
		return otpRole
	case r != noRole:
		return r
	case byWords != noRole:
		return byWords
	case strings.HasSuffix(name, "token"):
		return tokenRole
	case strings.HasPrefix(name, "otp") || strings.HasSuffix(name, "otp"):
		return roleFor("otp", value)
	}
	return noRole
}

// isGuess reports whether a switch is also what people choose as a password.
func isGuess(value string) bool { return value == "password" || value == "username" }

func hasAny(name string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
}

// accountField is the field of the account that a value goes to.
func accountField(r role, key string) string {
	name := plain(key)
	switch {
	case r == passwordRole && (hasWord(wordsOf(key), []string{"pin", "mpin", "epin", "pins"}) || hasAny(name, "pincode", "passcode", "geheimzahl")):
		return "pin"
	case r == passwordRole && hasAny(name, "accesscode"):
		return "access_code"
	case r == passwordRole && hasAny(name, "word") && hasAny(name, "memorable"):
		return "memorable_word"
	case r == passwordRole && hasAny(name, "answer", "antwort"):
		return "security_answer"
	case r == passwordRole:
		return "password"
	case r == userRole:
		return "username"
	}
	return identifier(strings.TrimPrefix(snake(key), "x_"), "value")
}

// otp is the expression of a one-time code.
func (d *drafting) otp(digits int) string {
	if digits < 6 || digits > 8 {
		d.decide(fmt.Sprintf("a code of %d digits is no TOTP; it is a fixed field of the account here", digits))
		return d.account("code")
	}
	d.decide("the code is taken to be a TOTP, of 30 seconds and SHA-1; one that comes by SMS or mail has to be fetched")
	secret := d.account("totp_secret")
	if digits == 6 {
		return "totp(" + secret + ")"
	}
	return fmt.Sprintf("totp(%s, %d)", secret, digits)
}

// variableExpr is what a collection's variable stands for, by its name.
func (d *drafting) variableExpr(name string) string {
	if captured, ok := d.set[name]; ok {
		return captured
	}
	switch name {
	case "$guid", "$randomUUID":
		return "uuid()"
	case "$timestamp":
		return "unix(now())"
	case "$isoTimestamp":
		return `now().UTC().Format("2006-01-02T15:04:05.000Z")`
	case "$randomInt":
		return "random_digits(3)"
	}
	if strings.HasPrefix(name, "$") {
		d.decide("a variable that the recorder draws is a random text here")
		return "random_string(8)"
	}
	switch r := roleFor(name, "000000"); r {
	case otpRole:
		return d.otp(6)
	case userRole, passwordRole, personalRole:
		return d.account(accountField(r, name))
	case secretRole, tokenRole:
		return d.secret(name)
	}
	if r := roleFor(name, "Aa0Bb1Cc2Dd3Ee4F"); r == secretRole || r == tokenRole {
		return d.secret(name)
	}
	return d.env(name)
}
