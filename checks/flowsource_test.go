package checks

import (
	"strings"
	"testing"
)

// The source of a flow is shown as it is written, but for a secret that somebody has
// spelled out in it.
func TestFlowShowsNoSecret(t *testing.T) {
	const spelled = "SentinelOfTheSource"
	text := "name: x\nabout: The secret is " + spelled + ", they say.\ntarget: http://127.0.0.1:1\nsecrets: {client: {env: CLIENT_SECRET}}\nsteps:\n" +
		"  - name: login\n    request: POST /login\n    json: {client: \"${{ secrets.client }}\"}\n    expect: [status == 200]\n"
	config, err := writeFlows(t, Options{LookupEnv: func(string) (string, bool) { return spelled, true }}, map[string]string{"x.yaml": text})
	if err != nil {
		t.Fatal(err)
	}
	got := config.Flow("x")
	noSecret(t, got, spelled)
	if want := strings.ReplaceAll(text, spelled, "[secret]"); got != want && !strings.HasPrefix(got, "name: x\nabout: The secret is [") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if config.Flow("group:x") != "" {
		t.Error("there is a source of what is no flow")
	}
}
