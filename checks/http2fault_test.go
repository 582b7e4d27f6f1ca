package checks

import (
	"bytes"
	"crypto/tls"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/authprober/authprober/prober"
)

// A h2 is a server of HTTP/2 by hand: it has read the client's preface.
type h2 struct {
	*http2.Framer
	conn   *socket
	stream uint32 // of the last request
}

// request reads frames until one begins a request; false is the end of the connection.
func (s *h2) request() bool {
	for {
		frame, err := s.ReadFrame()
		if err != nil {
			return false
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = s.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			s.stream = frame.StreamID
			return true
		}
	}
}

// rest reads what comes until the connection ends.
func (s *h2) rest() { _, _ = io.Copy(io.Discard, s.conn) }

func (s *h2) head(end bool) {
	var b bytes.Buffer
	_ = hpack.NewEncoder(&b).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: s.stream, BlockFragment: b.Bytes(), EndStream: end, EndHeaders: true})
}

func (s *h2) body(end bool) { _ = s.WriteData(s.stream, end, []byte("half")) }

const twoGets = oneGet + "  - {name: b, request: GET /, expect: [status == 200]}\n"

// TestHTTP2Faults has a server end streams and connections at every moment: nothing is
// sent again unseen, and an orderly end that costs no request is no failure.
func TestHTTP2Faults(t *testing.T) {
	config, trust := faultyTLS(t)
	config.NextProtos = []string{"h2"}
	sentAgain := errReplay.Error()
	for _, tt := range []struct {
		name   string
		steps  string
		serve  func(s *h2)
		reason prober.Reason
		detail string // in what is told of it
		took   time.Duration
	}{
		{"a whole answer", oneGet, func(s *h2) { s.request(); s.head(false); s.body(true); s.rest() }, "", "", 0},

		{"RST_STREAM, internal error, before the answer", oneGet, func(s *h2) { s.request(); _ = s.WriteRSTStream(s.stream, http2.ErrCodeInternal); s.rest() },
			prober.ReasonReset, "INTERNAL_ERROR", 0},
		{"RST_STREAM, refused", oneGet, func(s *h2) { s.request(); _ = s.WriteRSTStream(s.stream, http2.ErrCodeRefusedStream); s.rest() },
			prober.ReasonReset, sentAgain, 0},
		{"RST_STREAM, enhance your calm", oneGet, func(s *h2) { s.request(); _ = s.WriteRSTStream(s.stream, http2.ErrCodeEnhanceYourCalm); s.rest() },
			prober.ReasonReset, "ENHANCE_YOUR_CALM", 0},
		{"RST_STREAM after the head", oneGet, func(s *h2) { s.request(); s.head(false); _ = s.WriteRSTStream(s.stream, http2.ErrCodeCancel); s.rest() },
			prober.ReasonReset, "CANCEL", 0},
		{"RST_STREAM in the body", oneGet, func(s *h2) {
			s.request()
			s.head(false)
			s.body(false)
			_ = s.WriteRSTStream(s.stream, http2.ErrCodeInternal)
			s.rest()
		}, prober.ReasonReset, "INTERNAL_ERROR", 0},
		{"RST_STREAM after the whole answer", oneGet, func(s *h2) {
			s.request()
			s.head(false)
			s.body(true)
			_ = s.WriteRSTStream(s.stream, http2.ErrCodeNo)
			s.rest()
		}, "", "", 0},

		{"GOAWAY before the request is taken", oneGet, func(s *h2) { s.request(); _ = s.WriteGoAway(0, http2.ErrCodeNo, nil); s.rest() },
			prober.ReasonReset, sentAgain, 0},
		{"GOAWAY, enhance your calm, before the request is taken", oneGet, func(s *h2) { s.request(); _ = s.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, nil); s.rest() },
			prober.ReasonReset, "", 0},
		{"GOAWAY that lets the request finish", oneGet, func(s *h2) {
			s.request()
			_ = s.WriteGoAway(s.stream, http2.ErrCodeNo, nil)
			s.head(false)
			s.body(true)
			s.rest()
		}, "", "", 0},
		{"GOAWAY, and the end in the body", oneGet, func(s *h2) {
			s.request()
			s.head(false)
			s.body(false)
			_ = s.WriteGoAway(s.stream, http2.ErrCodeInternal, nil)
			s.conn.Close()
		}, prober.ReasonReset, "", 0},
		{"GOAWAY, and the answer never ends", oneGet, func(s *h2) {
			s.request()
			_ = s.WriteGoAway(s.stream, http2.ErrCodeNo, nil)
			s.head(false)
			s.body(false)
			s.rest()
		}, prober.ReasonTimeout, reading.String(), faultTimeout},
		{"GOAWAY between two steps", twoGets, func(s *h2) {
			s.request()
			s.head(true)
			_ = s.WriteGoAway(s.stream, http2.ErrCodeNo, nil)
			s.rest()
		}, "", "", 0},

		{"the end before the answer", oneGet, func(s *h2) { s.request(); s.conn.Close() }, prober.ReasonReset, "", 0},
		{"a reset before the answer", oneGet, func(s *h2) { s.request(); s.conn.reset() }, prober.ReasonReset, "connection reset by peer", 0},
		{"a reset in the body", oneGet, func(s *h2) { s.request(); s.head(false); s.body(false); s.conn.reset() }, prober.ReasonReset, "connection reset by peer", 0},
		{"silence", oneGet, func(s *h2) { s.request(); s.rest() }, prober.ReasonTimeout, waiting.String(), faultTimeout},
		{"one byte a second", oneGet, func(s *h2) {
			s.request()
			s.head(false)
			for range 60 {
				time.Sleep(time.Second)
				_ = s.WriteData(s.stream, false, []byte("x"))
			}
		}, prober.ReasonTimeout, reading.String(), faultTimeout},
		{"pings without end", oneGet, func(s *h2) {
			s.request()
			for range 60 {
				time.Sleep(time.Second)
				_ = s.WritePing(false, [8]byte{1})
			}
		}, prober.ReasonTimeout, waiting.String(), faultTimeout},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := &faultyNet{serve: func(c *socket) {
				secured := tls.Server(c, config)
				if _, err := io.ReadFull(secured, make([]byte, len(http2.ClientPreface))); err != nil {
					return
				}
				s := &h2{Framer: http2.NewFramer(secured, secured), conn: c}
				_ = s.WriteSettings()
				tt.serve(s)
			}}
			synctest.Test(t, func(t *testing.T) {
				r := n.run(t, n.load(t, "https://192.0.2.1", tt.steps, trust))
				st := r.Steps[len(r.Steps)-1]
				if st.Reason != tt.reason || !strings.Contains(st.Detail, tt.detail) || st.Took != tt.took || r.Err != nil {
					t.Errorf("got %q after %s: %s, %v\nwant %q after %s: %s", st.Reason, st.Took, st.Detail, r.Err, tt.reason, tt.took, tt.detail)
				}
				if st.Attempts > 1 || len(n.dials) > strings.Count(tt.steps, "request:") {
					t.Errorf("%d attempts over the connections %q", st.Attempts, n.dials)
				}
				n.serving.Wait()
			})
		})
	}
}
