package checks

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
)

// A target that refuses a long request answers before it is all written. What is
// measured then is a time that can be, and the request is counted once.
func TestEarlyAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReaderSize(c, 16).ReadString('\n') // and no more of it
			fmt.Fprint(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
			buffer := make([]byte, 1<<16)
			for {
				if _, err := c.Read(buffer); err != nil {
					break
				}
			}
			c.Close()
		}
	}()
	c := mustLoad(t, Options{}, `
name: x
target: http://`+l.Addr().String()+`
steps:
  - {name: long, request: POST /, body: "`+strings.Repeat("x", 900_000)+`", expect: [status == 200]}
`)
	for range 20 {
		r := probeOnce(t, c)
		st := r.Steps[0]
		if st.Reason != prober.ReasonStatus4xx && st.Reason != prober.ReasonReset || st.Attempts > 1 || st.Reason == prober.ReasonStatus4xx && st.Attempts != 1 {
			t.Errorf("got %+v", st)
		}
		st.Phases.Each(func(name string, d time.Duration) {
			if d > time.Minute {
				t.Errorf("the phase %s took %s", name, d)
			}
		})
	}
	l.Close()
	<-done
}

// TestIssuerDiffers says in what an issuer is another one.
func TestIssuerDiffers(t *testing.T) {
	const want = "https://id.bank.example/a"
	for got, in := range map[string]string{
		want + "/": ", by a slash at the end", "http://id.bank.example/a": ", by the scheme",
		"https://other.example/a": ", by the host", "https://id.bank.example/b": ", by the path", "%": "",
	} {
		if differs(want, got) != in {
			t.Errorf("%s: got %q, want %q", got, differs(want, got), in)
		}
	}
}
