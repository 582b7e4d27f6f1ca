package e2e

import (
	"path/filepath"
	"testing"
)

// TestRefusedByProvider runs the ready checks that an OpenID Provider can be asked
// against one that nobody here wrote, which refuses what must be refused: they are quiet.
func TestRefusedByProvider(t *testing.T) {
	p := newProvider(t, providerOptions{RequireNonce: true})
	for _, flow := range []string{"refused-code", "refused-dpop", "refused-client"} {
		t.Run(flow, func(t *testing.T) {
			t.Parallel()
			env := append(p.environment(t), "OIDC_CLIENT_KEY="+p.file(t, "es256.pem"), "OIDC_CLIENT_KEY_ID="+p.KeyIDs["es256"])
			passed(t, ranWith(t, 20, env, filepath.Join("testdata", flow+".yaml"), filepath.Join("testdata", "refused-accounts.yaml")))
		})
	}
}
