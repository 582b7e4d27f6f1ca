package checks

import (
	"context"
	"net/http"
	"net/url"

	"github.com/authprober/authprober/prober"
)

// A UserinfoStep asks who the user is (OpenID Connect Core section 5.3).
type UserinfoStep struct {
	ClientStep `yaml:",inline"`
	// Userinfo is the access token.
	Userinfo Template `yaml:"userinfo,required"`
}

// Vet implements [Step].
func (st *UserinfoStep) Vet(s *Scope) {
	st.Userinfo.compile(s)
	s.vetToken(&st.ClientStep, "userinfo", &st.Userinfo)
	if len(st.Params) > 0 {
		s.doc.Errorf(st.Params[0].node, "userinfo is asked without parameters")
	}
	if st.vetClient(s) {
		s.vetEndpoint(&st.ClientStep, "userinfo_endpoint")
	}
}

// Needs implements [Step].
func (st *UserinfoStep) Needs(captured map[string]string) []string {
	return append(st.ClientStep.Needs(captured), st.Userinfo.needs(captured)...)
}

// Reasons implements [Step].
func (st *UserinfoStep) Reasons() []prober.Reason {
	return append(st.ClientStep.Reasons(), prober.ReasonTokenInvalid)
}

// Shown implements [Step].
func (st *UserinfoStep) Shown() string { return "GET userinfo_endpoint" }

// Run implements [Step].
func (st *UserinfoStep) Run(ctx context.Context, s *Session) error {
	to, err := st.client.endpoint(s, "userinfo_endpoint")
	if err != nil {
		return err
	}
	token, err := st.Userinfo.text(s, nil)
	if err != nil {
		return err
	}
	proof, err := st.client.proof(s, forResourceServer)
	if err != nil {
		return err
	}
	if proof != nil {
		proof.token = token
	}
	build := func() (*http.Request, error) {
		req := s.newRequest(ctx, http.MethodGet, to, nil, "")
		req.Header.Set("Authorization", st.client.tokenType()+" "+token)
		return req, st.Headers.setHeaders(req, s)
	}
	return s.behind(func() error { return s.send(call{build: build, proof: proof, limit: defaultBodyLimit}) })
}

// Verify implements [Verifier]: the subject is that of the ID token (section 5.3.2).
func (st *UserinfoStep) Verify(s *Session) error {
	object, err := s.object(http.StatusOK)
	if err != nil {
		return err
	}
	subject, err := textMember(object, "sub")
	if err != nil {
		return err
	}
	if want := s.grant(st.client).subject; want != "" && subject != want {
		return Failf(prober.ReasonTokenInvalid, "want the subject of the ID token, got another one")
	}
	return nil
}

// An IntrospectStep asks the authorization server about a token (RFC 7662).
type IntrospectStep struct {
	ClientStep `yaml:",inline"`
	// Introspect is the token.
	Introspect Template `yaml:"introspect,required"`
	// Inactive says that the token has to be no longer active. The default is that it has to be.
	Inactive bool `yaml:"inactive"`
}

// Vet implements [Step].
func (st *IntrospectStep) Vet(s *Scope) {
	st.Introspect.compile(s)
	s.vetToken(&st.ClientStep, "introspect", &st.Introspect)
	if st.vetClient(s) {
		s.vetEndpoint(&st.ClientStep, "introspection_endpoint")
	}
}

// Needs implements [Step].
func (st *IntrospectStep) Needs(captured map[string]string) []string {
	return append(st.ClientStep.Needs(captured), st.Introspect.needs(captured)...)
}

// Shown implements [Step].
func (st *IntrospectStep) Shown() string { return "POST introspection_endpoint" }

// Run implements [Step].
func (st *IntrospectStep) Run(ctx context.Context, s *Session) error {
	return st.postToken(ctx, s, "introspection_endpoint", &st.Introspect)
}

// Verify implements [Verifier]: RFC 7662 section 2.2.
func (st *IntrospectStep) Verify(s *Session) error {
	object, err := s.object(http.StatusOK)
	if err != nil {
		return err
	}
	active, ok := object["active"].(bool)
	switch {
	case !ok:
		return Failf(prober.ReasonBadResponse, "want true or false as active, got %s", kindOf(object["active"]))
	case active == st.Inactive:
		return Failf(prober.ReasonAssertion, "want active to be %t, got %t", !st.Inactive, active)
	}
	return nil
}

// A RevokeStep revokes a token (RFC 7009). The answer is 200 for a token that the
// server does not know, too: whether it worked, only the use of the token tells.
type RevokeStep struct {
	ClientStep `yaml:",inline"`
	// Revoke is the token.
	Revoke Template `yaml:"revoke,required"`
}

// Vet implements [Step].
func (st *RevokeStep) Vet(s *Scope) {
	st.Revoke.compile(s)
	s.vetToken(&st.ClientStep, "revoke", &st.Revoke)
	if st.vetClient(s) {
		s.vetEndpoint(&st.ClientStep, "revocation_endpoint")
	}
}

// Needs implements [Step].
func (st *RevokeStep) Needs(captured map[string]string) []string {
	return append(st.ClientStep.Needs(captured), st.Revoke.needs(captured)...)
}

// Shown implements [Step].
func (st *RevokeStep) Shown() string { return "POST revocation_endpoint" }

// Run implements [Step].
func (st *RevokeStep) Run(ctx context.Context, s *Session) error {
	return st.postToken(ctx, s, "revocation_endpoint", &st.Revoke)
}

// Verify implements [Verifier].
func (st *RevokeStep) Verify(s *Session) error {
	if s.answer.status != http.StatusOK {
		return s.wrongStatus("want 200")
	}
	return nil
}

// postToken sends a token to an endpoint.
func (st *ClientStep) postToken(ctx context.Context, s *Session, endpoint string, t *Template) error {
	token, err := t.text(s, nil)
	if err != nil {
		return err
	}
	return st.post(ctx, s, endpoint, func() (url.Values, error) { return url.Values{"token": {token}}, nil })
}
