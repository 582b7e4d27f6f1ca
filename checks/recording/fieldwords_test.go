package recording_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/recording"
)

// What a field is called tells, however plain its value is.
func TestNamesOfCredentials(t *testing.T) {
	for name, want := range map[string]string{
		"pin": "account.pin", "userPIN": "account.pin", "card_pin": "account.pin", "pin1": "account.pin", "PINCode": "account.pin", "passcode": "account.pin", "geheimzahl": "account.pin",
		"password": "account.password", "loginPasswort": "account.password", "Kennwort": "account.password", "pw": "account.password", "user_pw": "account.password", "mdp": "account.password",
		"senha": "account.password", "clave": "account.password", "claveAcceso": "account.password", "contraseña": "account.password", "contrasena": "account.password", "wachtwoord": "account.password",
		"heslo": "account.password", "hasło": "account.password", "motDePasse": "account.password", "accessCode": "account.access_code", "memorableInfo": "account.password", "memorableWord": "account.memorable_word",
		"answers": "account.security_answer", "answer2": "account.security_answer", "appSecretValue": "secrets.app_secret_value", "kundennummer": "account.username", "customer_no": "account.username",
		"zugangsnummer": "account.username", "benutzerName": "account.username",
	} {
		for place, e := range map[string]entry{
			"json":  {method: "POST", url: "https://a.example/login", mime: "application/json", body: `{"` + name + `": "7301"}`},
			"form":  {method: "POST", url: "https://a.example/login", mime: "application/x-www-form-urlencoded", body: url.QueryEscape(name) + "=7301"},
			"query": {method: "GET", url: "https://a.example/login?" + url.QueryEscape(name) + "=7301"},
		} {
			flow := draftOfEntry(t, e)
			if strings.Contains(flow, "7301") || !strings.Contains(flow, want) {
				t.Errorf("%s in %s: want %s in\n%s", name, place, want, flow)
			}
		}
	}
	for _, name := range []string{"shipping", "opinion", "spinner", "passenger", "answering", "swpw", "clavecin"} {
		if flow := draftOfEntry(t, entry{method: "POST", url: "https://a.example/login", mime: "application/json", body: `{"` + name + `": "7301"}`}); !strings.Contains(flow, "7301") {
			t.Errorf("%s was taken for a credential:\n%s", name, flow)
		}
	}
}

func TestHeadersWithCredentials(t *testing.T) {
	for _, name := range []string{"X-PIN", "X-User-Pin", "Kennwort", "X-Customer-No", "X-Access-Code", "x-client-secret-value"} {
		flow := draftOfEntry(t, entry{method: "GET", url: "https://a.example/login", header: []string{name, "7301"}})
		if strings.Contains(flow, "7301") || !strings.Contains(flow, "${{ ") {
			t.Errorf("%s: got\n%s", name, flow)
		}
	}
}

// A segment of a path that is a word is a part of the address, not a password.
func TestPathAfterPassword(t *testing.T) {
	if flow := draftOfEntry(t, entry{method: "POST", url: "https://a.example/password/reset"}); !strings.Contains(flow, "POST /password/reset") {
		t.Errorf("got\n%s", flow)
	}
}

// draftOfEntry is the flow of one exchange, which has to load.
func draftOfEntry(t *testing.T, e entry) string {
	t.Helper()
	rec, err := recording.HAR(strings.NewReader(harOf(e)))
	if err != nil {
		t.Fatal(err)
	}
	return flowOf(t, rec)
}

func flowOf(t *testing.T, rec *recording.Recording) string {
	t.Helper()
	draft, err := rec.Draft(recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := load(t, draft, nil); err != nil {
		t.Errorf("the draft does not load: %v\n%s", err, draft.Flow)
	}
	return string(draft.Flow)
}
