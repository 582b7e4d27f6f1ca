package main

import (
	"net"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The labels of an alert that is given directly are those that a scrape by the shipped
// configuration adds, and what the settings say has the last word.
func TestAlertLabels(t *testing.T) {
	const at = "127.0.0.1:9870"
	for text, want := range map[string]map[string]string{
		"":                            {"job": "authprober", "instance": at},
		"instance=probe-1:9870":       {"job": "authprober", "instance": "probe-1:9870"},
		" job = , location = vienna ": {"job": "", "instance": at, "location": "vienna"},
		"query=a=b,":                  {"job": "authprober", "instance": at, "query": "a=b"},
	} {
		var l alertLabels
		if err := l.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, l.labels(at)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestAlertmanagerURLs(t *testing.T) {
	var a alertmanagers
	if err := a.UnmarshalText([]byte("http://am-1:9093/, https://am.example/tenant ,")); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range a {
		got = append(got, u.String())
	}
	if diff := cmp.Diff([]string{"http://am-1:9093", "https://am.example/tenant"}, got); diff != "" {
		t.Error(diff)
	}
}

// Every interface is the machine's name to others; an address is what it is.
func TestWhereADaemonIsMet(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for listen, want := range map[string]string{"127.0.0.1:0": "127.0.0.1", ":0": host, "0.0.0.0:0": host} {
		l, err := net.Listen("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(l.Addr().String())
		if got := metAt(l); got != net.JoinHostPort(want, port) {
			t.Errorf("%s: got %s, want %s", listen, got, want)
		}
		l.Close()
	}
}
