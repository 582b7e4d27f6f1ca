package aggregate

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A transport answers requests without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// apiOf is an API behind which a handler is.
func apiOf(h http.HandlerFunc) *API {
	u, _ := url.Parse("http://prometheus.example/prometheus")
	return &API{URL: u, Client: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		h(w, r)
		return w.Result(), nil
	})}}
}

func TestRead(t *testing.T) {
	api := apiOf(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Method + " " + r.URL.Path + " " + r.FormValue("query") + " " + r.FormValue("time"); got !=
			`POST /prometheus/api/v1/query logins_total{app="a"}[300s] 1764284400.250` {
			t.Errorf("asked for %s", got)
		}
		io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[
			{"metric":{"__name__":"logins_total","app":"a"},"values":[[1764284400.001,"1.8e+1"],[1764284385.123,"17"]]},
			{"metric":{"app":"b"},"values":[]}]}}`)
	})
	got, err := api.Read(t.Context(), `logins_total{app="a"}`, time.UnixMilli(1764284400250), 5*time.Minute)
	want := []Series{
		{map[string]string{"__name__": "logins_total", "app": "a"}, []Sample{{time.UnixMilli(1764284385123), 17}, {time.UnixMilli(1764284400001), 18}}},
		{map[string]string{"app": "b"}, []Sample{}},
	}
	if err != nil || !reflect.DeepEqual(got.Series, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestReadFails(t *testing.T) {
	for _, test := range []struct {
		name    string
		status  int
		body    string
		failure Failure
		text    string
	}{
		{"a mistake in the query", 400, `{"status":"error","errorType":"bad_data","error":"parse error: unexpected }"}`, FailureStatus,
			"status 400, want 200: bad_data"},
		{"a password is wanted", 401, "<html>Unauthorized", FailureStatus, "status 401, want 200"},
		{"a redirect", 302, "", FailureStatus, "status 302, want 200"},
		{"in trouble", 503, strings.Repeat("x", 10), FailureStatus, "status 503, want 200"},
		{"a page", 200, "<html>", FailureBadResponse, "an answer that is not that of Prometheus' API"},
		{"no text", 200, "{\"status\":\"\xff\"}", FailureBadResponse, "an answer that is not that of Prometheus' API"},
		{"a vector", 200, `{"status":"success","data":{"resultType":"vector","result":[]}}`, FailureBadResponse, "an answer without a matrix of samples"},
		{"half an answer", 200, `{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,"2"]`, FailureBadResponse,
			"an answer that is not that of Prometheus' API"},
		{"no pair", 200, `{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1]]}]}}`, FailureBadResponse,
			"an answer that is not that of Prometheus' API"},
		{"no count", 200, `{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,"x"]]}]}}`, FailureBadResponse,
			"an answer that is not that of Prometheus' API"},
		{"a sample to come", 200, `{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1764284400.001,"1"]]}]}}`, FailureBadResponse,
			"samples of another time than was asked for"},
		{"a sample of long ago", 200, `{"status":"success","data":{"resultType":"matrix","result":[{"values":[[0,"1"],[1764284400,"1"]]}]}}`, FailureBadResponse,
			"samples of another time than was asked for"},
		{"too much", 200, strings.Repeat(" ", 1<<20+1), FailureTooLarge, "an answer of more than 1 MiB"},
	} {
		api := apiOf(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(test.status)
			io.WriteString(w, test.body)
		})
		api.most = 1 << 20
		_, err := api.Read(t.Context(), "a", epoch, time.Minute)
		var failed *QueryError
		if !errors.As(err, &failed) || failed.Failure != test.failure || failed.Text != test.text {
			t.Errorf("%s: got %v, want %s: %s", test.name, err, test.failure, test.text)
		}
	}
}

func TestReadWithoutAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := apiOf(nil)
		api.Client.Transport = transport(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		_, err := api.Read(t.Context(), "a", epoch, time.Minute)
		var failed *QueryError
		if !errors.As(err, &failed) || failed.Failure != FailureTimeout {
			t.Errorf("got %v, want a timeout", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := api.Read(ctx, "a", epoch, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want what ended it", err)
		}
		api.Client.Transport = transport(func(r *http.Request) (*http.Response, error) { return nil, errors.New("refused") })
		if _, err := api.Read(t.Context(), "a", epoch, time.Minute); !errors.As(err, &failed) || *failed != (QueryError{Failure: FailureUnreachable, Text: "refused"}) {
			t.Errorf("got %v, want it unreachable", err)
		}
	})
}
