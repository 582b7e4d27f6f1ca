package checks

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/authprober/authprober/checks/internal/challenge"
	"github.com/authprober/authprober/prober"
)

// oauthErrors are the error codes that are shown: those of RFC 6749 sections
// 4.1.2.1 and 5.2, 6750, 7009, 8628, 8707, 9101, 9126, 9396, 9449, 9470, of OpenID
// Connect Core section 3.1.2.6 and of CIBA. Another one is text of the target's.
var oauthErrors = []string{
	"access_denied", "account_selection_required", "authorization_pending", "consent_required", "expired_login_hint_token",
	"expired_token", "insufficient_scope", "insufficient_user_authentication", "interaction_required",
	"invalid_authorization_details", "invalid_binding_message", "invalid_client", "invalid_dpop_proof", "invalid_grant",
	"invalid_request", "invalid_request_object", "invalid_request_uri", "invalid_scope", "invalid_target", "invalid_token",
	"invalid_user_code", "login_required", "missing_user_code", "registration_not_supported", "request_not_supported",
	"request_uri_not_supported", "server_error", "slow_down", "temporarily_unavailable", "transaction_failed",
	"unauthorized_client", "unknown_user_id", "unmet_authentication_requirements", "unsupported_grant_type",
	"unsupported_response_type", "unsupported_token_type", "use_dpop_nonce",
}

// nameOfError is an error code as it may be shown: "the OAuth error invalid_grant".
func nameOfError(code string) string {
	if slices.Contains(oauthErrors, code) {
		return "the OAuth error " + code
	}
	return "an OAuth error whose code no RFC names"
}

// oauthError is the code of the OAuth error that is the answer at hand; "" where
// it is none.
func (s *Session) oauthError() string {
	if s.answer.status < 400 {
		return ""
	}
	if s.parseBody() == nil {
		object, _ := s.answer.json.(map[string]any)
		if code, _ := object["error"].(string); code != "" {
			return code
		}
	}
	all, _ := challenge.Of(s.answer.header) // RFC 6750 section 3, RFC 9449 section 7.1
	for _, c := range all {
		if c.Is("Bearer") || c.Is("DPoP") {
			return c.Params["error"]
		}
	}
	return ""
}

// object is the JSON object that an endpoint has to answer with, and with that
// status; otherwise it is the failure.
func (s *Session) object(status int) (map[string]any, error) {
	if s.answer.status != status {
		return nil, s.wrongStatus(fmt.Sprint("want ", status))
	}
	if err := s.parseBody(); err != nil {
		return nil, err
	}
	object, ok := s.answer.json.(map[string]any)
	if !ok {
		return nil, Failf(prober.ReasonBadResponse, "want a JSON object, got %s", describe(s.answer.json))
	}
	if code, _ := object["error"].(string); code != "" { // whatever its status says
		return nil, Failf(prober.ReasonOAuthError, "want %d without an error, got %s", status, nameOfError(code))
	}
	return object, nil
}

// wrongStatus is the failure of an answer whose status is not the one wanted.
func (s *Session) wrongStatus(want string) error {
	status := s.answer.status
	code := s.oauthError()
	if code != "" && isOAuthStatus(status, code) {
		return Failf(prober.ReasonOAuthError, "%s, got %d with %s", want, status, nameOfError(code))
	}
	if slices.Contains(oauthErrors, code) {
		return Failf(reasonOfStatus(status), "%s, got %d with %s", want, status, nameOfError(code))
	}
	return Failf(reasonOfStatus(status), "%s, got %d", want, status)
}

// isOAuthStatus reports whether an answer of that status speaks OAuth. A code that no
// RFC names is an OAuth error only with the statuses that those have (RFC 6749 section
// 5.2, RFC 6750 section 3.1): whoever answers 404 with an error of its own, such as a
// gateway, has not got as far as OAuth.
func isOAuthStatus(status int, code string) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return true
	}
	return status < 500 && status != http.StatusTooManyRequests && slices.Contains(oauthErrors, code)
}

// textMember is a member of the object that has to be a text, and not an empty one.
func textMember(object map[string]any, name string) (string, error) {
	switch v := object[name].(type) {
	case nil:
		return "", Failf(prober.ReasonMissingValue, "want %s, got none", name)
	case string:
		if v != "" {
			return v, nil
		}
		return "", Failf(prober.ReasonBadResponse, "want a text as %s, got an empty one", name)
	}
	return "", Failf(prober.ReasonBadResponse, "want a text as %s, got %s", name, kindOf(object[name]))
}

// secondsMember is a member that has to be a whole number of seconds, of at least so
// many. A number beyond all reason is cut to one that is not.
func secondsMember(object map[string]any, name string, least int) (int, error) {
	switch v := object[name].(type) {
	case nil:
		return 0, Failf(prober.ReasonMissingValue, "want %s, got none", name)
	case int:
		if v >= least {
			return min(v, 1<<30), nil
		}
	}
	return 0, Failf(prober.ReasonBadResponse, "want a whole number of seconds from %d on as %s, got %s", least, name, describe(object[name]))
}
