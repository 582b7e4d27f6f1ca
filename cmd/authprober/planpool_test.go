package main

import "testing"

// TestPerAccountInAll adds up what the flows of one pool ask of each account.
func TestPerAccountInAll(t *testing.T) {
	l := load{runs: 60, logins: 60, inAll: 90, pool: "retail", accounts: 3}
	if got := l.perAccount(); got != 20 {
		t.Errorf("of the flow: got %v, want 20", got)
	}
	if got := l.perAccountInAll(); got != 30 {
		t.Errorf("of all flows: got %v, want 30", got)
	}
}
