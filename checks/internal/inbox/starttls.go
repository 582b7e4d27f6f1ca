package inbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"regexp"
	"strconv"
)

// Limits on what is read before TLS.
const (
	maxLine  = 8 << 10
	maxLines = 100
)

var (
	errRefused = errors.New("it was refused")
	errNoIMAP  = errors.New("what came is no IMAP")
)

// startTLS changes a connection to TLS, RFC 9051 section 6.2.1: in the clear nothing
// is said but STARTTLS, and nothing that came in the clear is believed afterwards.
func startTLS(ctx context.Context, conn net.Conn, config *tls.Config) (net.Conn, error) {
	greeting, err := readLine(conn)
	if err != nil {
		return nil, err
	}
	if !hasPrefix(greeting, "* OK") { // logged in already, or turned away
		return nil, errRefused
	}
	if _, err := io.WriteString(conn, "S STARTTLS\r\n"); err != nil {
		return nil, err
	}
	for range maxLines {
		line, err := readLine(conn)
		switch {
		case err != nil:
			return nil, err
		case hasPrefix(line, "S OK"):
			secure := tls.Client(conn, config)
			if err := secure.HandshakeContext(ctx); err != nil {
				return nil, err
			}
			return &greeted{Conn: secure, greeting: []byte("* OK ready\r\n")}, nil
		case hasPrefix(line, "S "):
			return nil, errRefused
		}
	}
	return nil, errNoIMAP
}

func hasPrefix(line []byte, prefix string) bool {
	return len(line) >= len(prefix) && bytes.EqualFold(line[:len(prefix)], []byte(prefix))
}

// readLine reads a line and not one byte more: what follows may be TLS.
func readLine(r io.Reader) ([]byte, error) {
	line, one := make([]byte, 0, 128), make([]byte, 1)
	for len(line) < maxLine {
		if _, err := io.ReadFull(r, one); err != nil {
			return nil, err
		}
		if line = append(line, one[0]); one[0] == '\n' {
			return line, nil
		}
	}
	return nil, errNoIMAP
}

// A greeted connection begins with a greeting: after STARTTLS the server sends none,
// and the client wants one.
type greeted struct {
	net.Conn
	greeting []byte
}

func (g *greeted) Read(p []byte) (int, error) {
	if len(g.greeting) > 0 {
		n := copy(p, g.greeting)
		g.greeting = g.greeting[n:]
		return n, nil
	}
	return g.Conn.Read(p)
}

// A scanner looks at the lines of a server for what the client would read without
// end: a list of capabilities with a parenthesis in it, which no right one has.
type scanner struct {
	line  []byte // at hand, up to maxLine of it
	fetch bool   // it goes on after a literal
	skip  int64  // bytes of a literal to come
}

var (
	capabilities = regexp.MustCompile(`(?i)^[^ ]+ +(?:[a-z0-9]+ *\[? *)?(?:CAPABILITY|ENABLED)`)
	fetched      = regexp.MustCompile(`(?i)^\* +[0-9]+ +FETCH`)
	literalAtEnd = regexp.MustCompile(`\{([0-9]{1,18})\+?\}\r?\n$`)
)

// scan takes note of what has been read. It reports whether that is well.
func (s *scanner) scan(p []byte) bool {
	for len(p) > 0 {
		if n := min(s.skip, int64(len(p))); n > 0 {
			p, s.skip = p[n:], s.skip-n
			continue
		}
		end := bytes.IndexByte(p, '\n') + 1
		if end == 0 {
			end = len(p)
		}
		if s.line = append(s.line, p[:end]...); !s.well() {
			return false
		}
		if p[end-1] == '\n' {
			s.end()
		} else if len(s.line) > maxLine { // keep where it begins and where it ends
			s.line = append(s.line[:maxLine/2], s.line[len(s.line)-maxLine/2:]...)
		}
		p = p[end:]
	}
	return true
}

// well reports whether the client can take the line at hand.
func (s *scanner) well() bool {
	if s.fetch || len(s.line) < maxLine && bytes.IndexByte(s.line, '(') < 0 {
		return true
	}
	if !capabilities.Match(s.line[:min(len(s.line), maxLine/2)]) {
		return true
	}
	list, _, _ := bytes.Cut(s.line, []byte("]"))
	return len(list) < maxLine && !bytes.Contains(list, []byte("("))
}

// end notes a literal at the line's end, which only a FETCH has.
func (s *scanner) end() {
	if !bytes.Contains(s.line, []byte("}")) {
		s.line, s.fetch = s.line[:0], false
		return
	}
	s.fetch = s.fetch || fetched.Match(s.line[:min(len(s.line), maxLine/2)])
	m := literalAtEnd.FindSubmatch(s.line)
	if s.fetch = s.fetch && m != nil; s.fetch {
		s.skip, _ = strconv.ParseInt(string(m[1]), 10, 64)
	}
	s.line = s.line[:0]
}
