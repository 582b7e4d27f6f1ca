package checks

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The examples of the pages on signing and on memory are steps that load as they
// stand, with the keys, accounts and captured values that their text speaks of.
func TestExamplesLoad(t *testing.T) {
	private, _ := newKeyPair(t, "ES256")
	rsa, _ := newKeyPair(t, "RS256")
	options := keyEnv(map[string]string{"KEY": private, "RSA": rsa})
	found := 0
	for _, page := range []string{"../docs/signatures.md", "../docs/flows.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
			steps := strings.TrimPrefix(m[1], "steps:\n")
			if !strings.HasPrefix(steps, "  - name:") || page == "../docs/flows.md" && !strings.Contains(steps, "remember") {
				continue
			}
			found++
			if _, err := writeFlows(t, options, map[string]string{
				"accounts.yaml": "pools: {p: {accounts: [{name: a, id: x, username: u, password: p, key: {env: KEY}, key_id: k}]}}",
				"flow.yaml": `name: x
target: https://api.bank.example
accounts: p
secrets: {key: {env: RSA}, key_id: k, certificate: c}
steps:
  - {name: first, request: GET /, expect: [status == 200], capture: {access: body.access}}
` + steps,
			}); err != nil {
				t.Errorf("%s: %v\n%s", filepath.Base(page), err, steps)
			}
		}
	}
	if found != 6 {
		t.Errorf("%d examples were found, want 6", found)
	}
}
