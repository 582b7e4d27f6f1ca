package checks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What systemd gives a service is read from where it says.
func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secrets_a"), []byte("sesame\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ file, folder, want string }{ // want is part of the mistake, "" where there is none
		{"$CREDENTIALS_DIRECTORY/secrets_a", dir, ""},
		{`"${CREDENTIALS_DIRECTORY}/secrets_a"`, dir, ""},
		{"$CREDENTIALS_DIRECTORY/secrets_b", dir, `secrets_b": no such file or directory`},
		{"$CREDENTIALS_DIRECTORY/../x", dir, "want the name of a credential after $CREDENTIALS_DIRECTORY/"},
		{"$CREDENTIALS_DIRECTORY/secrets_a", "", "$CREDENTIALS_DIRECTORY is not set; systemd sets it for a service with LoadCredential="},
		{"$CREDENTIALS/secrets_a", dir, "no such file or directory"},
	}
	for _, test := range tests {
		lookup := func(name string) (string, bool) { return test.folder, name == credentialsVariable && test.folder != "" }
		_, err := writeFlows(t, Options{LookupEnv: lookup}, map[string]string{
			"accounts.yaml": "pools: {p: {accounts: [{name: a, password: {file: " + test.file + "}}]}}",
			"flow.yaml":     "name: x\ntarget: http://127.0.0.1:1\naccounts: p\nsteps:\n  - {name: a, request: GET /, expect: [status == 200]}\n",
		})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s in %q: got %q, want %q", test.file, test.folder, got, test.want)
		}
	}
}
