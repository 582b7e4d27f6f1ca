package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// A mailbox is an SMTP server that keeps the code of each mail, and an HTTP
// server that hands it out: GET /code?to=ADDRESS answers with the next one,
// as soon as there is one.
type mailbox struct {
	port string // of the SMTP server
	url  string // of the HTTP server

	mu    sync.Mutex
	codes map[string]chan string
}

func newMailbox(t *testing.T) *mailbox {
	m := &mailbox{codes: map[string]chan string{}}
	smtp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ended sync.WaitGroup
	ended.Go(func() {
		for {
			c, err := smtp.Accept()
			if err != nil {
				return // closed
			}
			ended.Go(func() { m.receive(c) })
		}
	})
	server := httptest.NewServer(http.HandlerFunc(m.hand))
	t.Cleanup(func() {
		server.Close()
		_ = smtp.Close()
		ended.Wait()
	})
	_, m.port, _ = net.SplitHostPort(smtp.Addr().String())
	m.url = server.URL
	return m
}

func (m *mailbox) of(address string) chan string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.codes[address] == nil {
		m.codes[address] = make(chan string, 100)
	}
	return m.codes[address]
}

var (
	recipient = regexp.MustCompile(`(?i)^RCPT TO:<([^>]*)>`)
	code      = regexp.MustCompile(`password is:\D*(\d{8})\b`)
)

// receive is the server's part of one SMTP session (RFC 5321), as much of it as
// a mail needs.
func (m *mailbox) receive(c net.Conn) {
	defer func() { _ = c.Close() }()
	lines := bufio.NewScanner(c)
	say := func(s string) { _, _ = fmt.Fprintf(c, "%s\r\n", s) }
	say("220 mailbox")
	to, text, data := "", "", false
	for lines.Scan() {
		line := lines.Text()
		switch verb := strings.ToUpper(line); {
		case data && line == ".":
			data = false
			if found := code.FindStringSubmatch(text); found != nil {
				m.of(to) <- found[1]
			}
			say("250 kept")
		case data:
			text += line + "\n"
		case strings.HasPrefix(verb, "RCPT"):
			if found := recipient.FindStringSubmatch(line); found != nil {
				to = found[1]
			}
			say("250 ok")
		case strings.HasPrefix(verb, "DATA"):
			data, text = true, ""
			say("354 go on")
		case strings.HasPrefix(verb, "QUIT"):
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (m *mailbox) hand(w http.ResponseWriter, r *http.Request) {
	select {
	case code := <-m.of(r.URL.Query().Get("to")):
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"code": code})
	case <-r.Context().Done():
	}
}
