package main

import (
	"net"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/banktest"
)

// TestControl tries a target that is not there: with what is always there in reach it has
// failed, and without it nobody can tell.
func TestControl(t *testing.T) {
	bank := banktest.NewServer(banktest.Options{})
	defer bank.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	nowhere := "http://" + gone.Addr().String()
	flow := writeFlow(t, statusFlow(nowhere, "1h"), nil)
	for _, c := range []struct {
		name, urls string
		code       int
		want       string
	}{
		{"none", "", exitFailed, "connect: "},
		{"in reach", bank.URL + "/v1/status?key=SENTINEL", exitFailed, "connect: "},
		{"one of two in reach", nowhere + "," + bank.URL, exitFailed, "connect: "},
		{"out of reach", nowhere + "/?key=SENTINEL", exitOurs, "our own network is sick: " + gone.Addr().String() + ": "},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := invoke(t.Context(), []string{"AUTHPROBER_CONTROL_URLS=" + c.urls}, "once", flow)
			if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.want) {
				t.Errorf("got %d, want %d and %q:\n%s%s", got.code, c.code, c.want, got.stdout, got.stderr)
			}
			if strings.Contains(got.stdout+got.stderr, "SENTINEL") {
				t.Errorf("what is in the URL is shown:\n%s%s", got.stdout, got.stderr)
			}
		})
	}
}
