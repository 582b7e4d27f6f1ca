package checks

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// A DeviceAuthorizationStep begins a login on a device without a browser (RFC 8628
// section 3.1); a step token with the grant device_code polls for its end.
type DeviceAuthorizationStep struct {
	ClientStep `yaml:",inline"`
	// DeviceAuthorization are parameters of the request, beside the client's scope.
	DeviceAuthorization Pairs `yaml:"device_authorization,required"`
}

// Vet implements [Step].
func (st *DeviceAuthorizationStep) Vet(s *Scope) {
	st.DeviceAuthorization.compile(s)
	if st.vetClient(s) {
		s.vetEndpoint(&st.ClientStep, "device_authorization_endpoint")
		s.oauth(st.client).device = true
	}
}

// Needs implements [Step].
func (st *DeviceAuthorizationStep) Needs(captured map[string]string) []string {
	return append(st.ClientStep.Needs(captured), st.DeviceAuthorization.needs(captured)...)
}

// Shown implements [Step].
func (st *DeviceAuthorizationStep) Shown() string { return "POST device_authorization_endpoint" }

// Run implements [Step].
func (st *DeviceAuthorizationStep) Run(ctx context.Context, s *Session) error {
	return st.postScope(ctx, s, "device_authorization_endpoint", st.DeviceAuthorization)
}

// Verify implements [Verifier]: RFC 8628 section 3.2.
func (st *DeviceAuthorizationStep) Verify(s *Session) error {
	object, err := s.object(http.StatusOK)
	if err != nil {
		return err
	}
	s.hideTokens(object)
	for _, name := range []string{"user_code", "verification_uri"} {
		if _, err := textMember(object, name); err != nil {
			return err
		}
	}
	g := s.grant(st.client)
	g.deviceCode, err = textMember(object, "device_code")
	if err != nil {
		return err
	}
	return g.begin(object)
}

// A BackchannelAuthenticationStep asks the user for consent on another device
// (OpenID Connect CIBA Core section 7); a step token with the grant ciba polls for
// the answer.
type BackchannelAuthenticationStep struct {
	ClientStep `yaml:",inline"`
	// BackchannelAuthentication are parameters of the request, beside the client's scope: login_hint, and binding_message or the like.
	BackchannelAuthentication Pairs `yaml:"backchannel_authentication,required"`
}

// Vet implements [Step].
func (st *BackchannelAuthenticationStep) Vet(s *Scope) {
	st.BackchannelAuthentication.compile(s)
	if st.vetClient(s) {
		s.vetEndpoint(&st.ClientStep, "backchannel_authentication_endpoint")
		s.oauth(st.client).backchannel = true
	}
}

// Needs implements [Step].
func (st *BackchannelAuthenticationStep) Needs(captured map[string]string) []string {
	return append(st.ClientStep.Needs(captured), st.BackchannelAuthentication.needs(captured)...)
}

// Shown implements [Step].
func (st *BackchannelAuthenticationStep) Shown() string {
	return "POST backchannel_authentication_endpoint"
}

// Run implements [Step].
func (st *BackchannelAuthenticationStep) Run(ctx context.Context, s *Session) error {
	return st.postScope(ctx, s, "backchannel_authentication_endpoint", st.BackchannelAuthentication)
}

// Verify implements [Verifier]: CIBA Core section 7.3.
func (st *BackchannelAuthenticationStep) Verify(s *Session) error {
	object, err := s.object(http.StatusOK)
	if err != nil {
		return err
	}
	s.hideTokens(object)
	g := s.grant(st.client)
	g.authReqID, err = textMember(object, "auth_req_id")
	if err != nil {
		return err
	}
	return g.begin(object)
}

// begin notes that another login is under way, and how the server wants to be polled: every 5 s where it does not say
// (RFC 8628 section 3.2, CIBA Core section 7.3).
func (g *grant) begin(object map[string]any) (err error) {
	if _, err = secondsMember(object, "expires_in", 1); err != nil {
		return err
	}
	g.interval, g.slowed, g.subject = 5*time.Second, false, ""
	if object["interval"] != nil {
		seconds, err := secondsMember(object, "interval", 0)
		if err != nil {
			return err
		}
		g.interval = time.Duration(seconds) * time.Second
	}
	return nil
}

// postScope sends the client's scope and the pairs to an endpoint.
func (st *ClientStep) postScope(ctx context.Context, s *Session, endpoint string, pairs Pairs) error {
	scope, err := textOr(&st.client.Scope, s, "")
	if err != nil {
		return err
	}
	return st.post(ctx, s, endpoint, func() (url.Values, error) {
		params := url.Values{}
		if scope != "" {
			params.Set("scope", scope)
		}
		return params, pairs.set(params, s)
	})
}
