package checks

// oauthLogin is a login by the pages of the bank's authorization server, of one of its apps.
func oauthLogin(client, more string) string {
	return `clients:
  app:
    client_id: ` + client + `
    redirect_uri: com.example.bank:/callback
    scope: accounts
` + more + `steps:
  - name: discovery
    discovery: oauth-authorization-server
  - name: authorize
    authorize: {}
  - name: log in
    submit: first
    fields: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 302]
`
}

const oauthTokens = `
  - name: tokens
    token: authorization_code
    capture: {access: body.access_token, refresh: body.refresh_token}
`

const oauthAccounts = `
  - name: accounts
    request: GET /v1/accounts
    bearer: ${{ access }}
    expect: [status == 200]
`

const dpopAccounts = `
  - name: accounts
    request: GET /v1/accounts
    dpop: ${{ access }}
    expect: [status == 200, len(body.accounts) > 0]
`

// serviceToken is what a service gets for its own.
const serviceToken = `clients:
  service:
    client_id: service
    auth: {method: client_secret_jwt, secret: the-secret-of-a-service-of-the-staging-bank}
steps:
  - name: discovery
    discovery: oauth-authorization-server
  - name: token
    token: client_credentials
`

// oauthRefusedCases are the ready checks of what an authorization server has.
var oauthRefusedCases = func() []refusedCase {
	bearer := oauthLogin("app", "") + oauthTokens + oauthAccounts
	bound := oauthLogin("dpop-app", "    dpop: {}\n") + oauthTokens + dpopAccounts
	return []refusedCase{
		{"code-replay", bearer + "  - use: refused/code-replay", "kind=accepts what=code_replay", ""},
		{"code-replay", bearer + "  - use: refused/other-redirect-uri\n  - use: refused/code-replay", "kind=accepts what=code_replay", ""},
		{"wrong-verifier", bearer + "  - use: refused/wrong-verifier", "kind=accepts what=verifier", ""},
		{"wrong-verifier", oauthLogin("app", "") + "  - {use: refused/wrong-verifier, with: {code: unused}}", "kind=accepts what=verifier", ""},
		{"other-redirect-uri", bearer + "  - use: refused/other-redirect-uri", "kind=accepts what=redirect_uri", ""},
		{"wrong-redirect-uri", bearer + "  - use: refused/wrong-redirect-uri", "kind=accepts what=client_redirect_uri", ""},
		{"missing-scope", bearer + `
  - name: ask for less
    authorize: {prompt: none, scope: payments}
  - name: small tokens
    token: authorization_code
    capture: {small: body.access_token}
  - {use: refused/missing-scope, with: {token: "${{ small }}"}}`, "kind=accepts what=scope", ""},
		{"wrong-audience", bearer + `
  - name: ask again
    authorize: {prompt: none}
  - name: tokens for another
    token: authorization_code
    params: {resource: "https://statements.bank.test"}
    capture: {elsewhere: body.access_token}
  - {use: refused/wrong-audience, with: {token: "${{ elsewhere }}"}}`, "kind=accepts what=audience", ""},
		{"refresh-reuse", bearer + `
  - name: refresh
    token: refresh_token
    refresh_token: ${{ refresh }}
  - use: refused/refresh-reuse`, "kind=fail_open step=token", "sacrificial"},
		{"dpop-missing", bound + "  - use: refused/dpop-missing", "kind=accepts what=dpop_missing", ""},
		{"dpop-as-bearer", bound + "  - use: refused/dpop-as-bearer", "kind=accepts what=dpop_bearer", ""},
		{"dpop-wrong-url", bound + "  - use: refused/dpop-wrong-url", "kind=accepts what=dpop_htu", ""},
		{"dpop-wrong-key", bound + "  - use: refused/dpop-wrong-key", "kind=accepts what=dpop_key", ""},
		{"dpop-replayed", bound + "  - use: refused/dpop-replayed", "kind=accepts what=dpop_replay", ""},
		{"jwt-signature-changed", bound + "  - use: refused/jwt-signature-changed", "kind=accepts what=signature", ""},
		{"no-token", bound + "  - use: refused/no-token", "kind=accepts what=no_token", ""},
		{"assertion-replayed", serviceToken + "  - use: refused/assertion-replayed", "kind=accepts what=assertion_replay", ""},
		{"assertion-expired", serviceToken + "  - use: refused/assertion-expired", "kind=accepts what=assertion_expired", ""},
	}
}()
