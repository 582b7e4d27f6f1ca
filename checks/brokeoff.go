package checks

import (
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
)

// An endedConn knows how the other end ended it. net/http parses what has come
// of a line when a connection breaks within the head of an answer, and reports that it
// is malformed; it is not, and the network may be to blame. It is safe for concurrent use.
type endedConn struct {
	net.Conn
	remote string                // the address of the other end
	end    atomic.Pointer[error] // of a read; nil while there is none, or where we closed it
}

func (c *endedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		c.end.CompareAndSwap(nil, &err)
	}
	return n, err
}

// endedOf is the endedConn below c; nil where there is none.
func endedOf(c net.Conn) *endedConn {
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	w, _ := c.(*endedConn)
	return w
}

// halves are texts of net/http for what may be malformed, or the half of something.
var halves = []string{"HTTP/1.x transport connection broken", "reading trailer", "suspiciously long trailer"}

// brokeOff returns how the connection ended, if that is why an answer over HTTP/1 does
// not parse; nil if it is malformed, or err is another one or nil.
func (t *timing) brokeOff(err error) (why error) {
	if err == nil || !slices.ContainsFunc(halves, func(half string) bool { return strings.Contains(err.Error(), half) }) {
		return nil
	}
	t.do(func() {
		if t.conn == nil {
			return
		}
		if end := t.conn.end.Load(); end != nil {
			why = *end
		}
	})
	return why
}
