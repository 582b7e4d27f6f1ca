package inbox

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// look opens an inbox at a server and looks twice.
func look(ctx context.Context, serve func(net.Conn)) error {
	ours, theirs := net.Pipe()
	var serving sync.WaitGroup
	defer serving.Wait()
	serving.Go(func() {
		serve(theirs)
		theirs.Close()
	})
	b, err := Open(ctx, ours, Login{Username: "u", Password: "Sentinel"})
	if err != nil {
		return err
	}
	defer b.Close()
	for range 2 {
		if _, err := b.Look(ctx, Filter{NotBefore: time.Unix(0, 0), Subject: "code"}, true); err != nil {
			return err
		}
	}
	return nil
}

// says is a server that says what it says, and does not listen.
func says(what io.Reader) func(net.Conn) {
	return func(c net.Conn) {
		var listening sync.WaitGroup
		defer listening.Wait()
		defer c.Close()
		listening.Go(func() { _, _ = io.Copy(io.Discard, c) })
		_, _ = io.Copy(c, what)
	}
}

// answers is a server that says what comes next when it has been sent a line.
func answers(what ...string) func(net.Conn) {
	return func(c net.Conn) {
		r := bufio.NewReader(c)
		for _, text := range what {
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
		}
	}
}

// greeting and what follows it let a client log in and select a mailbox. The tags
// are those that the client counts up; the first is for the capabilities.
const greeting = "* OK [CAPABILITY IMAP4rev1] ready\r\n"

type endless struct{ text string }

func (e endless) Read(p []byte) (int, error) { return copy(p, e.text), nil }

func TestHostileServer(t *testing.T) {
	for _, test := range []struct {
		name, want string
		serve      func(net.Conn)
	}{
		{"too much", "waiting for its greeting: it sent more than 4194304 bytes at once", says(io.MultiReader(strings.NewReader("* OK "), endless{strings.Repeat("Sentinel", 2000)}))},
		{"too many lines", "logging in: it sent more than 4194304 bytes at once", says(io.MultiReader(strings.NewReader(greeting), endless{strings.Repeat("* 1 EXISTS\r\n", 2000)}))},
		{"bye", "waiting for its greeting: it was refused", says(strings.NewReader("* BYE Sentinel\r\n"))},
		{"no IMAP", "waiting for its greeting: the connection broke, or what came is no IMAP", says(strings.NewReader("HTTP/1.1 400 Sentinel\r\n\r\n"))},
		{"nothing", "waiting for its greeting: the connection broke, or what came is no IMAP", says(strings.NewReader(""))},
		{"capabilities without end", "waiting for its greeting: the connection broke, or what came is no IMAP", says(strings.NewReader("* OK [CAPABILITY (IMAP4rev1)] Sentinel\r\n"))},
		{"a code of its own", "logging in: it was refused", answers(greeting, "T1 NO [SENTINEL] Sentinel\r\n", "")},
		{"a known code", "logging in: it was refused (EXPIRED)", answers(greeting, "T1 NO [EXPIRED] Sentinel\r\n", "")},
	} {
		err := look(t.Context(), test.serve)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}

// What the client would read without end is found, in whatever pieces it comes, and
// nothing else: mails may hold any line.
func TestScanner(t *testing.T) {
	letter := "* 1 FETCH (UID 7 BODY[] {20}\r\n* CAPABILITY (x)\r\n..  BODY[1] {3}\r\n(((\r\n)\r\n"
	for text, want := range map[string]bool{
		"* OK [CAPABILITY IMAP4rev1 UIDPLUS] ready (really)\r\n": true,
		letter:                                          true,
		"* OK you have (CAPABILITY)\r\n":                true,
		letter + "* CAPABILITY (\r\n":                   false,
		"* CAPABILITY IMAP4rev1 (\r\n":                  false,
		"* ok [capability A(B] x\r\n":                   false,
		"T1 OK [CAPABILITY A  (B] x\r\n":                false,
		"* 1 CAPABILITY (":                              false,
		"* ENABLED (":                                   false,
		"* OK text {999}\r\n* CAPABILITY (":             false,
		"* CAPABILITY " + strings.Repeat("A ", maxLine): false,
		"* OK " + strings.Repeat("x", 3*maxLine) + "\r\n* CAPABILITY A\r\n": true,
	} {
		for _, size := range []int{1, 7, len(text)} {
			var s scanner
			got := true
			for rest := []byte(text); len(rest) > 0 && got; {
				n := min(size, len(rest))
				got = s.scan(rest[:n])
				rest = rest[n:]
			}
			if got != want {
				t.Errorf("%.60q in pieces of %d: got %v, want %v", text, size, got, want)
			}
		}
	}
}

// Of a set only the newest are listed, however many it says that there are.
func TestNewest(t *testing.T) {
	for _, test := range []struct {
		set         imap.UIDSet
		least       imap.UID
		n           int
		first, last imap.UID
	}{
		{imap.UIDSet{{Start: 1, Stop: 4294967295}}, 1, maxCandidates, 4294967295, 4294967096},
		{imap.UIDSet{{Start: 7, Stop: 9}, {Start: 1, Stop: 2}}, 1, 5, 9, 1},
		{imap.UIDSet{{Start: 1, Stop: 9}}, 8, 2, 9, 8},
		{imap.UIDSet{{Start: 7, Stop: 7}}, 8, 0, 0, 0}, // what n:* gives where there is nothing new
		{imap.UIDSet{{Start: 5, Stop: 0}}, 1, 0, 0, 0},
		{imap.UIDSet{{Start: 1, Stop: 3}, {Start: 2, Stop: 4}}, 1, 4, 4, 1},
		{nil, 1, 0, 0, 0},
	} {
		got := newest(test.set, test.least)
		if len(got) != test.n || test.n > 0 && (got[0] != test.first || got[len(got)-1] != test.last) {
			t.Errorf("%v from %d: got %v", test.set, test.least, got)
		}
	}
}

// Whatever a server says, the client ends, and what it says of it is its own words.
func FuzzServer(f *testing.F) {
	f.Add([]byte(greeting + "T1 OK in\r\nT2 OK CAPABILITY\r\n* 3 EXISTS\r\n* OK [UIDNEXT 9] x\r\nT3 OK [READ-WRITE] x\r\n* SEARCH 7 8\r\nT4 OK x\r\n"))
	f.Add([]byte(greeting + "T1 OK in\r\nT2 OK x\r\n* SEARCH 7\r\nT3 OK x\r\n* 1 FETCH (UID 7 INTERNALDATE \"01-Jan-2024 00:00:00 +0000\" BODY[HEADER.FIELDS (FROM TO CC DELIVERED-TO X-ORIGINAL-TO SUBJECT)] {17}\r\nSubject: code\r\n\r\n)\r\nT4 OK x\r\n* 1 FETCH (UID 7 BODY[]<0> {18}\r\nSubject: code\r\n\r\nx)\r\nT5 OK x\r\n"))
	f.Add([]byte("* OK [CAPABILITY (MAP\xffrev1]"))
	f.Add([]byte("* PREAUTH x\r\n* ESEARCH (TAG \"T1\") UID ALL 1:*\r\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := look(t.Context(), says(bytes.NewReader(text))); err != nil && strings.ContainsAny(err.Error(), "\r\n\x00") {
			t.Errorf("got %q", err)
		}
	})
}

// Before TLS nothing secret is said, whatever the server says.
func TestStartTLSRefused(t *testing.T) {
	for _, test := range []struct {
		name, want string
		serve      func(net.Conn)
	}{
		{"logged in already", "changing to TLS: it was refused", answers("* PREAUTH Sentinel\r\n", "")},
		{"refused", "changing to TLS: it was refused", answers(greeting, "S NO Sentinel\r\n", "")},
		{"never an answer", "changing to TLS: the connection broke, or what came is no IMAP", answers(greeting, strings.Repeat("* 1 EXISTS\r\n", 2*maxLines), "")},
		{"a long line", "changing to TLS: the connection broke, or what came is no IMAP", says(strings.NewReader("* OK " + strings.Repeat("x", maxLine)))},
		{"closed", "changing to TLS: the connection was closed", says(strings.NewReader("* OK"))},
		{"no TLS", "changing to TLS: the connection broke, or what came is no IMAP", says(strings.NewReader(greeting + "S OK go\r\nT1 OK injected in the clear\r\n"))},
	} {
		var sent strings.Builder
		ours, theirs := net.Pipe()
		var serving sync.WaitGroup
		serving.Go(func() {
			test.serve(recording{theirs, &sent})
			theirs.Close()
		})
		_, err := Open(t.Context(), ours, Login{Username: "u", Password: "Sentinel", StartTLS: &tls.Config{ServerName: "x"}})
		serving.Wait()
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
		if strings.Contains(sent.String(), "LOGIN") || strings.Contains(sent.String(), "Sentinel") {
			t.Errorf("%s: in the clear was sent %q", test.name, sent.String())
		}
	}
}

// A recording connection keeps what it reads.
type recording struct {
	net.Conn
	read *strings.Builder
}

func (r recording) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.read.Write(p[:n])
	return n, err
}
