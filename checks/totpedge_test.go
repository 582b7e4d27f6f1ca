package checks

import (
	"io"
	"log"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/prober"
)

// A run that computes a one-time code within two seconds of a change of the code
// says so, whatever its answers say, and every other run that computes one says
// that it is none.
func TestTOTPEdge(t *testing.T) {
	const (
		code  = `{name: code, request: POST /code, body: "${{ totp(\"JBSWY3DPEHPK3PXP\") }}", expect: [status == 200]}`
		let   = `{name: code, request: POST /code, let: {code: 'totp("JBSWY3DPEHPK3PXP")'}, body: "${{ code }}", expect: [status == 200]}`
		slow  = `{name: slow, request: GET /slow, expect: [status == 200]}`
		lost  = `{name: lost, request: "GET http://192.0.2.9/broken", expect: [status == 200]}`
		again = `{name: again, request: POST /code, body: "${{ totp(\"JBSWY3DPEHPK3PXP\") }}", expect: [status == 200]}`
		none  = `{name: none, request: POST /code, body: "${{ hotp(\"JBSWY3DPEHPK3PXP\", 7) }}", expect: [status == 200]}`
		skip  = `{name: skipped, if: 'false', request: POST /code, body: "${{ totp(\"JBSWY3DPEHPK3PXP\") }}", expect: [status == 200]}`
	)
	for _, test := range []struct {
		into  time.Duration // the step of the clock
		steps []string
		want  string
	}{
		{0, []string{code}, "yes"},
		{1999 * time.Millisecond, []string{code}, "yes"},
		{2 * time.Second, []string{code}, "no"},
		{15 * time.Second, []string{code}, "no"},
		{27999 * time.Millisecond, []string{code}, "no"},
		{28 * time.Second, []string{code}, "yes"},
		{29999 * time.Millisecond, []string{code}, "yes"},
		{29 * time.Second, []string{let}, "yes"},
		{20 * time.Second, []string{slow, code}, "yes"},        // 9 s later
		{20 * time.Second, []string{code, slow, again}, "yes"}, // one of two
		{29 * time.Second, []string{code, slow, again}, "yes"}, // the other one
		{29 * time.Second, []string{code, slow}, "yes"},
		{29 * time.Second, []string{code, lost}, "yes"}, // the answers' tags are lost, this is not theirs
		{29 * time.Second, []string{lost, code}, ""},    // the code was never computed
		{29 * time.Second, []string{skip, slow}, ""},
		{29 * time.Second, []string{none}, ""},
		{29 * time.Second, []string{slow}, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			network := newPipes()
			server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Release", "7")
				switch r.URL.Path {
				case "/slow":
					time.Sleep(9 * time.Second)
				case "/broken":
					panic(http.ErrAbortHandler)
				}
			})}
			var serving sync.WaitGroup
			serving.Go(func() { _ = server.Serve(network) })
			flow := "name: x\ntarget: http://192.0.2.1\norigins: [http://192.0.2.9]\nschedule: {every: 60s, timeout: 40s}\ntags: {release: 'header[\"X-Release\"]'}\nsteps:\n"
			for _, st := range test.steps {
				flow += "  - " + st + "\n"
			}
			c := mustLoad(t, Options{Dial: network.dial}, flow)
			time.Sleep(time.Until(time.Now().Truncate(30 * time.Second).Add(30*time.Second + test.into)))
			r := probeOnce(t, c)
			_ = server.Close()
			network.Close()
			serving.Wait()
			if got := r.Tags["totp_edge"]; got != test.want {
				t.Errorf("%s into the clock's step, %q: got totp_edge %q, want %q (%v)", test.into, test.steps, got, test.want, r.Err)
			}
			if _, told := r.Tags["totp_edge"]; told != (test.want != "") {
				t.Errorf("got the tags %v", r.Tags)
			}
			if _, told := r.Tags["release"]; told != (r.Outcome() == prober.Passed) {
				t.Errorf("got the tags %v of a run that %s", r.Tags, r.Outcome())
			}
		})
	}
}
