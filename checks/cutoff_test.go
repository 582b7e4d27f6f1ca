package checks

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
)

// What may become of a connection once some bytes of an answer have come.
var cutOffs = []struct {
	name string
	cut  func(c *socket)
	// reason and text are those of a run that was cut off, and took how long it takes.
	reason prober.Reason
	text   string
	took   time.Duration
}{
	{"a reset", (*socket).reset, prober.ReasonReset, "connection reset by peer", 0},
	{"an end", func(c *socket) { c.Close() }, prober.ReasonReset, "the connection was closed before the answer was whole", 0},
	// The peer has vanished, or a firewall has forgotten the connection.
	{"silence", func(c *socket) { _, _ = io.Copy(io.Discard, c) }, prober.ReasonTimeout, "no whole answer within the time", faultTimeout},
}

var cutAnswers = map[string]string{
	"length":  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}",
	"chunks":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"ok\r\n7\r\n\":true}\r\n0\r\n\r\n",
	"trailer": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\nb\r\n{\"ok\":true}\r\n0\r\nA: b\r\n\r\n",
	"interim": "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}

// TestCutOffAtEachByte cuts an answer off after each of its bytes, in the status line, the
// header and the body, in each way: the run fails for that reason, in that phase, and at
// once where there is something to notice.
func TestCutOffAtEachByte(t *testing.T) {
	for name, answer := range cutAnswers {
		for _, c := range cutOffs {
			t.Run(name+", then "+c.name, func(t *testing.T) {
				for after := range len(answer) + 1 {
					n := &faultyNet{serve: func(s *socket) {
						if _, err := http.ReadRequest(bufio.NewReader(s)); err != nil {
							return
						}
						_, _ = io.WriteString(s, answer[:after])
						c.cut(s)
					}}
					n.once(t, "http://192.0.2.1", "", func(r prober.Report) {
						st := r.Steps[0]
						at := "waiting for the answer"
						if after > 0 {
							at = "reading the answer"
						}
						if after == len(answer) {
							if st.Reason != "" || r.Err != nil {
								t.Errorf("the whole answer: got %s: %s, %v", st.Reason, st.Detail, r.Err)
							}
							return
						}
						if st.Reason != c.reason || !strings.Contains(st.Detail, at) || !strings.Contains(st.Detail, c.text) || r.Err != nil {
							t.Errorf("after %d bytes, %q: got %s: %s, %v", after, answer[max(0, after-5):after], st.Reason, st.Detail, r.Err)
						}
						if st.Took != c.took || st.Attempts != 1 {
							t.Errorf("after %d bytes: it took %s, want %s; %d attempts", after, st.Took, c.took, st.Attempts)
						}
					})
				}
			})
		}
	}
}

// A cutter stops passing on what a TLS server writes after so many bytes.
type cutter struct {
	*socket
	left int
	cut  func(c *socket)
}

func (c *cutter) Write(p []byte) (int, error) {
	n := min(c.left, len(p))
	if c.left -= n; n > 0 {
		_, _ = c.socket.Write(p[:n])
	}
	if n < len(p) {
		c.cut(c.socket)
		return n, io.ErrClosedPipe
	}
	return n, nil
}

// TestCutOffInTLS does it to what a TLS server writes, handshake and all, at every
// seventh byte: before the handshake is done the reason is tls, or that time ran out
// while shaking hands, and afterwards that of an answer that is cut off.
func TestCutOffInTLS(t *testing.T) {
	config, trust := faultyTLS(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, c := range cutOffs {
			t.Run(fmt.Sprintf("%s, then %s", tls.VersionName(version), c.name), func(t *testing.T) {
				seen := map[string]int{}
				for after := 0; seen[""] == 0; after += 7 {
					if after > 10_000 {
						t.Fatalf("no run passes: %v", seen)
					}
					n := &faultyNet{serve: func(s *socket) {
						own := config.Clone()
						own.MaxVersion = version
						secured := tls.Server(&cutter{s, after, c.cut}, own)
						if _, err := http.ReadRequest(bufio.NewReader(secured)); err != nil {
							return
						}
						_, _ = io.WriteString(secured, cutAnswers["length"])
					}}
					n.once(t, "https://192.0.2.1", trust, func(r prober.Report) {
						st := r.Steps[0]
						if r.Err != nil {
							t.Errorf("after %d bytes: %v", after, r.Err)
						}
						at := st.Detail
						for _, one := range []stage{shakingHands, sending, waiting, reading} {
							if strings.Contains(st.Detail, one.String()) {
								at = one.String()
							}
						}
						seen[strings.TrimSpace(string(st.Reason)+" "+at)]++
					})
				}
				t.Log(seen)
				for what := range seen {
					switch what {
					case "", "tls " + shakingHands.String(), "timeout " + shakingHands.String():
					case string(c.reason) + " " + waiting.String(), string(c.reason) + " " + reading.String():
					default:
						t.Errorf("%d runs ended with %q", seen[what], what)
					}
				}
			})
		}
	}
}

// TestSlowLoris is a target that says one byte a second: what it says is whole in the
// end, and the run has ended long before.
func TestSlowLoris(t *testing.T) {
	slowly := func(c *socket, text string) {
		for i := range len(text) {
			time.Sleep(time.Second)
			if _, err := io.WriteString(c, text[i:i+1]); err != nil {
				return
			}
		}
	}
	head, body, _ := strings.Cut(cutAnswers["length"], "{")
	for name, answer := range map[string]func(c *socket){
		"header": func(c *socket) { slowly(c, head+"{"+body) },
		"body":   func(c *socket) { _, _ = io.WriteString(c, head); slowly(c, "{"+body) },
		"interim answers without end": func(c *socket) {
			for range 60 {
				time.Sleep(time.Second)
				_, _ = io.WriteString(c, "HTTP/1.1 102 Processing\r\n\r\n")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := &faultyNet{serve: func(c *socket) {
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					answer(c)
				}
			}}
			n.once(t, "http://192.0.2.1", "", func(r prober.Report) {
				st := r.Steps[0]
				if st.Reason != prober.ReasonTimeout || st.Took != faultTimeout || r.Err != nil ||
					!strings.HasSuffix(st.Detail, reading.String()) && !strings.HasSuffix(st.Detail, waiting.String()) {
					t.Errorf("got %s after %s: %s, %v", st.Reason, st.Took, st.Detail, r.Err)
				}
			})
		})
	}
}

// TestNoHandshake is a target that takes a connection and what is sent, and says nothing.
func TestNoHandshake(t *testing.T) {
	n := &faultyNet{serve: func(c *socket) { _, _ = io.Copy(io.Discard, c) }}
	n.once(t, "https://192.0.2.1", "", func(r prober.Report) {
		if st := r.Steps[0]; st.Reason != prober.ReasonTimeout || st.Took != faultTimeout || !strings.HasSuffix(st.Detail, shakingHands.String()) || st.Attempts != 0 {
			t.Errorf("got %s after %s: %s", st.Reason, st.Took, st.Detail)
		}
	})
}

// TestNoConnection is a target that answers no SYN, as behind a firewall that drops.
func TestNoConnection(t *testing.T) {
	n := &faultyNet{refuse: func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	}}
	n.once(t, "http://192.0.2.1", "", func(r prober.Report) {
		if st := r.Steps[0]; st.Reason != prober.ReasonTimeout || st.Took != faultTimeout || !strings.HasSuffix(st.Detail, connecting.String()) || st.Attempts != 0 {
			t.Errorf("got %s after %s: %s", st.Reason, st.Took, st.Detail)
		}
	})
}
