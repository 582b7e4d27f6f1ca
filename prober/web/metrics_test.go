package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// still gathers once, so that two answers can be compared.
func still(t *testing.T, g prometheus.Gatherer) prometheus.Gatherer {
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })
}

func unpacked(t *testing.T, w *httptest.ResponseRecorder) []byte {
	if w.Header().Get("Content-Encoding") != "gzip" {
		return w.Body.Bytes()
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Error(err)
		return nil
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Error(err)
	}
	return text
}

// TestMetricsAreWhatPromhttpServes compares whole answers in every format, compressed or
// not, asked for one by one and at once.
func TestMetricsAreWhatPromhttpServes(t *testing.T) {
	opts := testOptions(t)
	opts.Gatherer = still(t, opts.Gatherer)
	h := Handler(opts)
	theirs := promhttp.HandlerFor(opts.Gatherer, promhttp.HandlerOpts{EnableOpenMetrics: true})
	var all sync.WaitGroup
	for _, accept := range []string{"", "text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0",
		"text/plain;version=1.0.0;escaping=allow-utf-8", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"} {
		for _, encoding := range []string{"", "gzip", "gzip;q=0", "deflate, gzip;q=0.5", "br"} {
			all.Go(func() {
				ask := httptest.NewRequest("GET", "/metrics", nil)
				ask.Header.Set("Accept", accept)
				ask.Header.Set("Accept-Encoding", encoding)
				got, want := httptest.NewRecorder(), httptest.NewRecorder()
				h.ServeHTTP(got, ask)
				theirs.ServeHTTP(want, ask)
				for _, name := range []string{"Content-Type", "Content-Encoding"} {
					if g, w := got.Header().Get(name), want.Header().Get(name); g != w {
						t.Errorf("%q, %q: %s is %q, want %q", accept, encoding, name, g, w)
					}
				}
				if vary := strings.Join(got.Header().Values("Vary"), ", "); !strings.Contains(vary, "Accept-Encoding") || !strings.Contains(vary+",", "Accept,") {
					t.Errorf("%q, %q: Vary is %q", accept, encoding, vary)
				}
				if g, w := unpacked(t, got), unpacked(t, want); got.Code != 200 || len(w) == 0 || !bytes.Equal(g, w) {
					t.Errorf("%q, %q: got %d:\n%s\nwant:\n%s", accept, encoding, got.Code, g, w)
				}
			})
		}
	}
	all.Wait()
}

// An error of gathering is an answer that says so, compressed too.
func TestMetricsError(t *testing.T) {
	opts := testOptions(t)
	opts.Gatherer = prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return nil, errors.New("no metrics today") })
	w := request(Handler(opts), "GET", "/metrics", "", "Accept-Encoding", "gzip")
	if text := string(unpacked(t, w)); w.Code != http.StatusInternalServerError || !strings.Contains(text, "no metrics today") {
		t.Errorf("got %d: %s", w.Code, text)
	}
}

// A client that goes away ends the answer, and the goroutine that compresses it.
func TestMetricsClientGone(t *testing.T) {
	opts := testOptions(t)
	ask := httptest.NewRequest("GET", "/metrics", nil)
	ask.Header.Set("Accept-Encoding", "gzip")
	w := &gone{header: http.Header{}}
	Handler(opts).ServeHTTP(w, ask) // returns once the goroutine has ended
	if w.writes != 1 {
		t.Errorf("got %d writes to a client that has gone, want 1", w.writes)
	}
}

type gone struct {
	header http.Header
	writes int
}

func (g *gone) Header() http.Header       { return g.header }
func (*gone) WriteHeader(int)             {}
func (g *gone) Write([]byte) (int, error) { g.writes++; return 0, errors.New("connection reset") }
