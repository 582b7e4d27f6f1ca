package recording

import (
	"strings"
	"testing"
)

func TestRecordingBeyondTheLimit(t *testing.T) {
	text := `{"log":{"entries":[{"request":{"method":"GET","url":"https://a.example/"},"response":{"status":200}}]}}`
	for _, c := range []struct {
		limit int64
		want  error
	}{{int64(len(text)), nil}, {int64(len(text)) - 1, errTooLarge}, {30, errTooLarge}} {
		h := &harReader{in: newInput(strings.NewReader(text)), r: &Recording{}}
		h.in.limit.N = c.limit + 1
		_, err := h.document()
		if err != nil || h.in.limit.N <= 0 {
			err = h.in.explain(err, "")
		}
		if err != c.want {
			t.Errorf("with a limit of %d: got %v, want %v", c.limit, err, c.want)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	room := budget(maxBody + 10)
	if _, ok := room.take(strings.Repeat("x", maxBody+1)); ok {
		t.Error("a body beyond the limit was kept")
	}
	if _, ok := room.take(strings.Repeat("x", maxBody)); !ok {
		t.Error("a body within the limit was not kept")
	}
	if _, ok := room.take(strings.Repeat("x", 11)); ok {
		t.Error("a body beyond what is left was kept")
	}
}

func TestLooks(t *testing.T) {
	for _, secret := range []string{
		"YQAAAAByjm9J8N94VT8T-5EvGWrXAAAAAGOa", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "3f2c8a10-1111-4222-8333-abcdefabcdef", "acc_d664149dfa330dd8",
		"carol@mail.example", "+491701234567", "DE89370400440532013000", "123456789", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "deadbeefdeadbeef01",
	} {
		if !looksSecret(secret) {
			t.Errorf("%q does not look like a secret", secret)
		}
	}
	for _, word := range []string{
		"", "retail-login", "application/json", "2026-03-02T09:05:00Z", "2026-03-02", "10.0.19041.1", "transactions", "Pixel 9 Pro XL", "authorization_code", "en-US,en;q=0.9",
		"urn:ietf:params:oauth:grant-type:token-exchange", "https://app.bank.example/callback", "S256", "12345678", "getAccountTransactionsList", "mobile-app-android-14",
	} {
		if looksSecret(word) {
			t.Errorf("%q looks like a secret", word)
		}
	}
}
