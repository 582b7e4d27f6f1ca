package checks

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/authprober/authprober/prober"
)

// An smsBank sends a code by SMS, into an inbox that has an HTTP interface. It is
// both the bank and the inbox.
type smsBank struct {
	delay time.Duration // until an SMS is there
	inbox int           // what the inbox answers with
	slow  time.Duration // how long the inbox takes for each answer
	hangs time.Duration // after which the inbox does not answer any more; 0 is never
	asked time.Time
}

const (
	smsToken    = "a-token-of-the-inbox"
	smsPassword = "a-password-of-the-customer"
	smsCode     = "012345"
)

func (b *smsBank) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "POST /v1/login":
		b.asked = time.Now()
		_, _ = io.WriteString(w, `{"challenge": "c1"}`)
	case "GET /messages":
		b.messages(w, r)
	case "POST /v1/login/otp":
		if text, _ := io.ReadAll(r.Body); string(text) != `{"challenge":"c1","code":"`+smsCode+`"}` {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, `{"access_token": "t1", "token_type": "Bearer"}`)
	case "GET /v1/accounts":
		_, _ = io.WriteString(w, `{"accounts": [{"id": "1"}]}`)
	case "POST /v1/logout":
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// messages are those to a number after a time, the newest first.
func (b *smsBank) messages(w http.ResponseWriter, r *http.Request) {
	takes := b.slow
	if b.hangs > 0 && time.Since(b.asked) >= b.hangs {
		takes = time.Hour
	}
	if takes > 0 {
		select {
		case <-time.After(takes):
		case <-r.Context().Done(): // the client has gone
			return
		}
	}
	after, err := time.Parse(time.RFC3339, r.URL.Query().Get("after"))
	switch here := b.asked.Add(b.delay); {
	case err != nil || r.URL.Query().Get("to") != "+447700900123" || r.Header.Get("Authorization") != "Bearer "+smsToken:
		w.WriteHeader(http.StatusBadRequest)
	case b.inbox != 0:
		w.WriteHeader(b.inbox)
	case time.Now().Before(here) || here.Before(after):
		_, _ = io.WriteString(w, `[]`)
	default:
		_, _ = io.WriteString(w, `[{"text": "Your code: `+smsCode+`. Tell nobody."}]`)
	}
}

// smsFlow is deploy/flows/sms-code.yaml as it ships.
func smsFlow(t *testing.T, network *pipes) *Config {
	t.Helper()
	env := map[string]string{"BANK_URL": "http://192.0.2.1", "SMS_URL": "http://192.0.2.2", "SMS_TOKEN": smsToken, "SMS_A_PASSWORD": smsPassword}
	c, err := Load([]string{"../deploy/flows/sms-code.yaml", "../deploy/flows/sms-code-accounts.yaml"}, Options{
		Dial: network.dial, AllowEnv: []string{"BANK_URL", "SMS_URL"},
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A code that an HTTP inbox gets is a delivery as well: how long it took is in the
// report and in a series that is there from the beginning, and where it does not
// come it is undelivered. What is wrong with the inbox is told from that.
func TestDeliveryByHTTP(t *testing.T) {
	for name, test := range map[string]struct {
		bank     smsBank
		want     time.Duration
		reason   prober.Reason
		observed uint64
	}{
		"at once":  {smsBank{}, 1, "", 1},
		"late":     {smsBank{delay: 5 * time.Second}, 6 * time.Second, "", 1},
		"too late": {smsBank{delay: 2 * time.Minute}, 0, prober.ReasonUndelivered, 0},
		// Looks begin every 3.5 s, so that the last is under way when the time is up.
		"never, and a look is cut short": {smsBank{delay: 2 * time.Minute, slow: 1500 * time.Millisecond}, 0, prober.ReasonUndelivered, 0},
		"an inbox that hangs at once":    {smsBank{slow: 2 * time.Minute}, 0, prober.ReasonTimeout, 0},
		"an inbox that hangs later":      {smsBank{delay: 2 * time.Minute, hangs: 10 * time.Second}, 0, prober.ReasonTimeout, 0},
		"an inbox refuses":               {smsBank{inbox: 401}, 0, prober.ReasonStatus4xx, 0},
		"a broken inbox":                 {smsBank{inbox: 500}, 0, prober.ReasonStatus5xx, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := newPipes()
				server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: &test.bank}
				var serving sync.WaitGroup
				serving.Go(func() { _ = server.Serve(network) })
				c := smsFlow(t, network)
				r := probeOnce(t, c)
				_ = server.Close()
				network.Close()
				serving.Wait()

				failing := ""
				if test.reason != "" {
					failing = "code by SMS"
				}
				checkAt(t, r, test.reason, failing)
				if got := r.Steps[1].Delivery; got != test.want {
					t.Errorf("got a delivery in %s, want %s", got, test.want)
				}
				for _, secret := range []string{smsToken, smsPassword, smsCode, "Tell nobody"} {
					if said := fmt.Sprintf("%+v", r); strings.Contains(said, secret) {
						t.Errorf("%q is in the report: %s", secret, said)
					}
				}
				checkDeliveries(t, c.Checks[0], r, test.observed)
			})
		})
	}
}

// checkDeliveries holds what a check promises of its deliveries against the metrics
// of one run.
func checkDeliveries(t *testing.T, of *prober.Check, r prober.Report, want uint64) {
	t.Helper()
	if got := []string{"code by SMS"}; !slices.Equal(of.DeliverySteps, got) {
		t.Errorf("got %q as steps that wait for a delivery, want %q", of.DeliverySteps, got)
	}
	if !slices.Contains(of.Reasons[1], prober.ReasonUndelivered) || slices.Contains(of.Reasons[0], prober.ReasonUndelivered) {
		t.Errorf("got the reasons %q", of.Reasons)
	}
	m, err := prober.NewMetrics(prober.MetricsOptions{Checks: []*prober.Check{of}, Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{0, want} {
		if i > 0 {
			m.ObserveRun(&prober.Run{Check: of, Start: time.Now(), Outcome: r.Outcome(), Report: r})
		}
		if got := deliveries(t, m); got != fmt.Sprintf("sms-code/code by SMS: %d", want) {
			t.Errorf("got %q after %d runs, want %d deliveries", got, i, want)
		}
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
