// Package banktest is a staging bank: a real HTTP server with the shape of a
// mobile bank's API, which can be told how to misbehave. It is to flows what
// net/http/httptest is to HTTP clients: the target of the demo, of the tests
// and of anybody who wants to see an alert before the first outage.
//
//	bank := banktest.NewServer(banktest.Options{Seed: 1})
//	defer bank.Close()
//	bank.AddFault(fault) // and look what a prober makes of bank.URL
//
// # The API
//
// A login is a password, answered with a challenge, and a one-time code,
// answered with tokens; or the signature of a device that was enrolled in an
// earlier session. A step is one of these endpoints:
//
//	step              request                                               answer
//	login             POST /v1/login {username, password}                   200 {challenge, expires_in}
//	otp               POST /v1/login/otp {challenge, code, type}            200 {access_token, refresh_token, token_type, expires_in}
//	device_challenge  POST /v1/devices/ID/challenge                         200 {challenge, expires_in}
//	device_login      POST /v1/login/device {device, challenge, signature}  200 as otp
//	accounts          GET  /v1/accounts, bearer                             200 {accounts: [{id, name, iban, balance, currency}]}
//	device_enrol      POST /v1/devices {public_key, algorithm}, bearer      201 {device, algorithm}
//	device_remove     DELETE /v1/devices/ID, bearer                         204
//	refresh           POST /v1/token/refresh {refresh_token}                200 as otp
//	logout            POST /v1/logout, bearer                               204
//	revoke            POST /v1/revoke, form with token (RFC 7009)           200 {}
//	status            GET  /v1/status                                       200 {status: "ok"}
//	keys              GET  /.well-known/jwks.json                           200 {keys: [...]}, of the tokens that are JWTs
//	metadata          GET  /.well-known/oauth-authorization-server          200, RFC 8414
//	authorize         GET  /oauth/authorize                                 200, a page to log in on, or 302 with a code
//	sign_in           POST /oauth/sign-in, the page's form                  302 with a code
//	token             POST /oauth/token                                     200 as otp
//	step_up           POST /v1/step-up {password}, bearer                   200 {acr: "strong", csrf_token}
//	transfer          POST /v1/transfers, bearer after a step_up            201 {transfer}
//	payment           POST /v1/devices/ID/payments, bearer, x-jws-signature 201 {payment}
//	settings          POST /v1/settings, form with csrf_token, bearer       204
//
// and these are its refusals, all of them {error, error_description}, the
// latter where it helps:
//
//	400 malformed_json, invalid_request       a body that is not what the step wants
//	401 invalid_credentials                   wrong password or unknown user, alike in text and in time
//	401 invalid_challenge                     unknown, expired, or named before
//	401 invalid_code                          wrong, or used before
//	401 invalid_signature                     of another key, another text or in another form
//	401 unauthorized, invalid_token           no token, a bad token, with WWW-Authenticate as in RFC 6750
//	400 invalid_grant, 401 invalid_client     of the token endpoint, RFC 6749 section 5.2
//	401 invalid_dpop_proof                    no proof, or one that is not of this request and this token
//	403 insufficient_scope                    a token for something else
//	401 insufficient_user_authentication      a transfer without a step-up, as in RFC 9470
//	401 invalid_grant                         a refresh token that is unknown, expired, revoked or used
//	403 csrf                                  a form without the session's token
//	404 unknown_device                        not enrolled, removed, or another customer's
//	404 not_found, 405 method_not_allowed     with Allow
//	413 body_too_large                        above 64 KiB
//	415 unsupported_media_type
//	423 account_locked                        the fifth wrong password in a row, or code or signature, and all that follows
//
// A challenge is used up by any attempt to answer it. A code is judged as in
// RFC 6238, one period early or late being fine, and good once: a code of the
// same or an earlier period is refused after it. Where type is hotp, and not totp
// or missing, it is judged as in RFC 4226: the counter begins with 0, ten codes
// from the next one on are looked at, and a code is wrong once it or a later one
// was taken.
//
// The public_key of a device is its SubjectPublicKeyInfo in base64. What is signed
// are three lines with a line feed between them, and none at the end:
// bank-login-v1, the device, the challenge. The signature is in base64. The
// algorithm is ES256-DER for P-256 and the ASN.1 form of phones' key stores, ES256
// for P-256 and r and s one after the other, 32 bytes each, or EdDSA for Ed25519. A
// customer has at most 100 devices, the oldest making room.
//
// The authorization server (RFC 6749, with PKCE, RFC 9207 and RFC 8707) has three
// clients: app, public; dpop-app, public, whose tokens are bound to a key (RFC 9449); and
// service, with client_secret_jwt, whose secret is [ClientSecret]. Its scopes are accounts
// and payments; GET /v1/accounts needs the first. A code that comes a second time ends the
// session of the first. A browser that has logged in has a cookie, and gets a code
// without a page for an hour. Its access tokens are JWTs and good in all of /v1.
//
// A payment's x-jws-signature is a detached JWS of ES256 over its body (RFC 7515
// appendix F), by the key of the device. With [Options].JWT the access tokens are JWTs (RFC
// 9068) with iss, the bank's URL, and aud, bank-api; they are good for as long as their
// session is, whatever their exp says.
//
// A session has one access
// token and one refresh token at a time; a refresh replaces both, and a
// refresh token that comes a second time ends the session. So do a logout and
// the revocation of either token. A customer has at most 1,000 sessions and
// 1,000 challenges, the oldest making room, and all of them expire, so a bank
// that runs for weeks does not grow.
//
// # Backends
//
// Behind the address are several backends that share the customers and the
// sessions. Each has a name and runs a release; every answer has them as
// X-Backend and X-Release. A connection is given to a backend as a whole, as
// balancers of layer 4 do, so whoever keeps a connection sees one backend out
// of five always or never, and whoever opens new ones sees it in a fifth of
// the cases. [Options].Balance changes that, [Bank.Deploy] a release.
//
// # Faults
//
// A [Fault] meets requests by step, backend and release, or by method and path:
// all that match, each with a probability, or exactly each n-th. Faults can be changed at any time.
// As text, for a flag or for curl, one reads
//
//	step=login rate=12% backend=b3 kind=status status=503
//	step=accounts every=50 kind=hang
//	release=2.0.0 kind=delay for=1500ms
//	method=POST path=/v1/* rate=3% kind=reset
//
// and these are the kinds:
//
//	kind          what the client sees                                  its own words     is it done?
//	status        an error answer of that status                        status=503        no
//	delay         the right answer, late                                for=2s            yes, after
//	hang          nothing, until it goes or the server closes                             no
//	reset         a TCP RST; after so many bytes of the body            after=40          no; with after, yes
//	truncate      half a body, shorter than its Content-Length                            yes
//	html          200 and a maintenance page                                              no
//	wrong_type    the answer with another JSON type in every member                       yes
//	rate_limit    429 with Retry-After                                  retry_after=30s   no
//	clock_skew    a Date that is off, and codes judged by that clock    by=-90s           yes
//	fail_open     a dead token accepted where one is taken                                yes
//	huge          200 and a JSON body of up to 1 GB                     size=1GB          no
//	invalid_utf8  the answer with a member that is not UTF-8                              yes
//	empty         200 without a body                                                      no
//	padding       a right signature of a device refused for the zeros in front            no
//	foreign       a challenge refused that another backend has issued                     no
//	accepts       what must be refused accepted                         what=alg_none     yes
//	lockout       423 to a login, and from then on: the account is locked                   yes
//	captcha       403 captcha_required in place of a login                                no
//	account_limit 429 to logins of one account, above so many           limit=5 per=1m    no
//	ip_limit      429 to requests of one address, above so many         limit=60 per=1m   no
//	stale_token   an access token accepted after its logout             for=30s           yes
//	timing        an unknown user answered later, or earlier            by=300ms          yes
//	enumeration   an unknown user told to be one: 401 unknown_user                        yes
//
// Done means that the bank has done what was asked, whatever the client saw:
// after a truncated answer to a login with a code there is a session, and the
// code is used up. A dead token is one that this bank made and that has been
// logged out, revoked, replaced or has expired; other texts are refused even
// by a fault that fails open. The bug of padding meets the signatures on P-256 of
// which r or s begins with a zero byte, in either form: one in 128. Delays, skews,
// failing open, padding and foreign go together with one fault of the other kinds,
// the first; and so does one that accepts one of [Flaws]. A skewed clock alone never
// counts towards a lock. That an account is locked after five wrong passwords is no fault, but
// Options.LockAfter; lockout locks the account of a right password too, for
// Options.LockFor. The limiters answer with the Retry-After that is right, and count
// what they let pass, whatever becomes of it. With backend=b2 in front, a stale token is
// accepted by that one alone, as where its cache has not heard of the logout yet.
//
// # Admin endpoints
//
// On the same address, without a password, for this is a bank for tests:
//
//	GET    /-/faults                    the faults there are
//	POST   /-/faults                    add one, given as JSON or as text: 201, with its id
//	DELETE /-/faults, /-/faults/ID      drop all, or one: 204
//	POST   /-/deploy {backend, release} put a release on a backend, or on all with *
//	GET    /-/stats                     what the bank has seen: [Stats]
//
// # In front of another server
//
// A [Proxy] gives the same faults to a server that is not a bank:
//
//	proxy, err := banktest.NewProxy("http://127.0.0.1:8080", banktest.ProxyOptions{})
//	defer proxy.Close()
//	proxy.AddFault(fault) // and look what a prober makes of proxy.URL
//
// What it has done is in [Proxy.Stats], to be held against what the prober says.
//
// # What is the same again
//
// A seed and an order of requests decide who the customers are, which backend
// a connection meets and which requests meet which faults. Tokens and
// challenges are random. The clock can be given; waiting is by the real one.
package banktest
