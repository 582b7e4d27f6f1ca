package banktest

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
)

// damage sends the answer to what was asked, and done, in a damaged form.
func damage(w http.ResponseWriter, r *http.Request, f *Fault, a answer) {
	switch f.Kind {
	case KindWrongType:
		a.withBody("[]").turned().write(w)
	case KindInvalidUTF8:
		a.withBody("{}").latin1().write(w)
	case KindTruncate:
		a = a.withBody("{}")
		sendPart(w, a, int64(len(a.body)/2))
		panic(http.ErrAbortHandler)
	case KindReset:
		a = a.withBody("{}")
		sendPart(w, a, f.After)
		reset(w, r)
	}
}

// spoils says whether damage changes the answer.
func (f *Fault) spoils(a answer) bool {
	if f.Kind != KindWrongType && f.Kind != KindInvalidUTF8 || len(a.body) == 0 {
		return true
	}
	var object map[string]any
	return json.Unmarshal(a.body, &object) == nil && object != nil
}

// withBody gives an answer that has no body one that can be damaged.
func (a answer) withBody(body string) answer {
	if len(a.body) == 0 {
		a.status, a.body = 200, []byte(body)
	}
	return a
}

// turned returns the answer with another type in every member.
func (a answer) turned() answer {
	var object map[string]any
	if json.Unmarshal(a.body, &object) != nil {
		return a
	}
	for name, value := range object {
		switch value.(type) {
		case string:
			object[name] = 42
		case []any:
			object[name] = map[string]any{}
		case map[string]any:
			object[name] = []any{}
		default:
			object[name] = "forty-two"
		}
	}
	turned := answerJSON(a.status, object)
	turned.header = a.header
	return turned
}

// latin1 returns the answer with a first member in another encoding.
func (a answer) latin1() answer {
	rest := bytes.TrimSpace(a.body)[1:] // after the brace
	body := []byte("{\"greeting\":\"Gr\xfc\xdf Gott\"")
	if !bytes.HasPrefix(rest, []byte("}")) {
		body = append(body, ',')
	}
	a.body = append(body, rest...)
	return a
}

// sendPart sends the header, whose Content-Length is that of the whole body,
// and the first n bytes.
func sendPart(w http.ResponseWriter, a answer, n int64) {
	a.writeHeader(w)
	w.Write(a.body[:min(n, int64(len(a.body)))])
	// A client that has gone is no news; what is lost was to be lost.
	_ = http.NewResponseController(w).Flush()
}

// reset ends the connection with a TCP RST, and the handler with it. In HTTP/2
// every stream of the connection ends.
func reset(w http.ResponseWriter, r *http.Request) {
	var conn net.Conn
	if c, ok := r.Context().Value(connectionKey{}).(*connection); ok {
		conn = c.Conn
	} else if hijacked, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn = hijacked
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // fails only on a connection that is closed already
	}
	if conn != nil {
		conn.Close()
	}
	panic(http.ErrAbortHandler)
}
