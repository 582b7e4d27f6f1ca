package checks

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/authprober/authprober/prober"
)

// smsFlow is that of docs/flows.md: the inbox has an HTTP interface.
const smsFlow = `
name: x
target: http://192.0.2.1
schedule: {every: 60s, timeout: 40s}
steps:
  - {name: ask, request: POST /ask, expect: [status == 200]}
  - name: code by SMS
    request: GET http://192.0.2.2/messages
    poll: {every: 2s, for: 30s, until: len(body) > 0, delivery: true}
    expect: [status == 200]
    capture: {code: 'body[0].text[-6:]'}
  - {name: verify, request: POST /verify, body: "${{ code }}", expect: [status == 200]}
`

// A code that an HTTP inbox gets is a delivery as well: how long it took is in the
// report and in a series that is there from the beginning, and where it does not
// come it is undelivered.
func TestDeliveryByHTTP(t *testing.T) {
	for _, test := range []struct {
		delay    time.Duration
		want     time.Duration
		reason   prober.Reason
		observed uint64
	}{
		{0, 1, "", 1},
		{5 * time.Second, 6 * time.Second, "", 1},
		{time.Minute, 0, prober.ReasonUndelivered, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			network := newPipes()
			var asked time.Time
			server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/ask":
					asked = time.Now()
				case r.URL.Path == "/messages" && time.Since(asked) < test.delay:
					_, _ = io.WriteString(w, `[]`)
				case r.URL.Path == "/messages":
					_, _ = io.WriteString(w, `[{"text": "Your code: 123456"}]`)
				default:
					if code, _ := io.ReadAll(r.Body); string(code) != "123456" {
						w.WriteHeader(http.StatusUnauthorized)
					}
				}
			})}
			var serving sync.WaitGroup
			serving.Go(func() { _ = server.Serve(network) })
			c := mustLoad(t, Options{Dial: network.dial}, smsFlow)
			r := probeOnce(t, c)
			_ = server.Close()
			network.Close()
			serving.Wait()

			check(t, r, test.reason, "")
			if got := r.Steps[1].Delivery; got != test.want {
				t.Errorf("got a delivery in %s, want %s", got, test.want)
			}
			of := c.Checks[0]
			if got := []string{"code by SMS"}; !slices.Equal(of.DeliverySteps, got) {
				t.Errorf("got %q as steps that wait for a delivery, want %q", of.DeliverySteps, got)
			}
			if !slices.Contains(of.Reasons[1], prober.ReasonUndelivered) || slices.Contains(of.Reasons[0], prober.ReasonUndelivered) {
				t.Errorf("got the reasons %q", of.Reasons)
			}
			m, err := prober.NewMetrics(prober.MetricsOptions{Checks: c.Checks, Registry: prometheus.NewRegistry()})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []uint64{0, test.observed} {
				if i > 0 {
					m.ObserveRun(&prober.Run{Check: of, Start: time.Now(), Outcome: r.Outcome(), Report: r})
				}
				if got := deliveries(t, m); got != fmt.Sprintf("x/code by SMS: %d", want) {
					t.Errorf("got %q after %d runs, want %d deliveries", got, i, want)
				}
			}
		})
	}
}

// deliveries are the series of deliveries, each with its count.
func deliveries(t *testing.T, m *prober.Metrics) (text string) {
	families, err := m.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "authprober_delivery_seconds" {
			continue
		}
		for _, x := range f.Metric {
			text += fmt.Sprintf("%s/%s: %d", x.Label[0].GetValue(), x.Label[1].GetValue(), x.Histogram.GetSampleCount())
		}
	}
	return text
}
