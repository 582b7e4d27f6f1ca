package checks

import "testing"

// TestIsOAuthStatus tells errors of OAuth from those of whoever is in front of it.
func TestIsOAuthStatus(t *testing.T) {
	for _, tc := range []struct {
		status int
		code   string
		want   bool
	}{
		{400, "invalid_grant", true}, {401, "invalid_client", true}, {403, "access_denied", true},
		{400, "account_locked", true}, {401, "our_own", true},
		{404, "not_found", false}, {405, "method_not_allowed", false}, {404, "invalid_request", true},
		{429, "slow_down", false}, {429, "too_many", false}, {503, "temporarily_unavailable", false},
	} {
		if got := isOAuthStatus(tc.status, tc.code); got != tc.want {
			t.Errorf("%d with %s: got %t, want %t", tc.status, tc.code, got, tc.want)
		}
	}
}
