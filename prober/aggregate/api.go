package aggregate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Failure says why a query had no answer.
type Failure string

const (
	FailureUnreachable Failure = "unreachable"  // refused, reset, TLS, or credentials that cannot be read
	FailureTimeout     Failure = "timeout"      // no whole answer in time
	FailureStatus      Failure = "status"       // an answer that is not 2xx, a redirect too
	FailureTooLarge    Failure = "too_large"    // more than there may be
	FailureBadResponse Failure = "bad_response" // not the answer of Prometheus' API
)

// QueryFailures lists every reason.
var QueryFailures = []Failure{FailureUnreachable, FailureTimeout, FailureStatus, FailureTooLarge, FailureBadResponse}

// A QueryError is a query that had no answer.
type QueryError struct {
	Failure Failure
	Text    string
}

func (e *QueryError) Error() string { return e.Text }

const (
	queryTimeout = 30 * time.Second
	mostAnswer   = 64 << 20 // bytes
)

// An API is the HTTP API of a Prometheus, or of what speaks as one.
type API struct {
	// URL is where it is met, without /api/v1/query and without a user, such as
	// http://prometheus:9090 or https://mimir.bank.example/prometheus.
	URL *url.URL
	// Client makes the requests. It follows no redirect.
	Client *http.Client

	most int64 // bytes of an answer; 0 is mostAnswer
}

// A Series is one that was read.
type Series struct {
	Labels  map[string]string
	Samples []Sample // as they came
}

// Read returns the samples that the selected series have in the time before at that is as long as
// back, in whole seconds. The error is a [*QueryError], or that of ctx. It tries once.
func (a *API) Read(ctx context.Context, selector string, at time.Time, back time.Duration) ([]Series, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, queryTimeout, errTimeout)
	defer cancel()
	form := url.Values{
		"query": {fmt.Sprintf("%s[%ds]", selector, int64(back/time.Second))},
		"time":  {strconv.FormatFloat(float64(at.UnixMilli())/1e3, 'f', 3, 64)},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL.JoinPath("api/v1/query").String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, &QueryError{FailureUnreachable, withoutURL(err).Error()}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := a.Client.Do(req)
	if err != nil {
		return nil, failureOf(ctx, err)
	}
	defer resp.Body.Close()
	most := cmp.Or(a.most, mostAnswer)
	text, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return nil, failureOf(ctx, err)
	case int64(len(text)) > most:
		return nil, &QueryError{FailureTooLarge, fmt.Sprintf("an answer of more than %d MiB", most>>20)}
	case resp.StatusCode/100 != 2:
		return nil, &QueryError{FailureStatus, fmt.Sprintf("status %d, want 200%s", resp.StatusCode, said(text))}
	}
	all, err := parse(text)
	if err == nil && slices.ContainsFunc(all, func(s Series) bool { return s.strays(at, back) }) {
		return nil, &QueryError{FailureBadResponse, "samples of another time than was asked for"}
	}
	return all, err
}

// strays reports whether a sample is none of the time that was asked for, to the millisecond.
// One of a time to come would have all that follow it pass for late ones, and one of long ago
// would make intervals without end.
func (s *Series) strays(at time.Time, back time.Duration) bool {
	last := at.UnixMilli()
	return slices.ContainsFunc(s.Samples, func(sample Sample) bool {
		ms := sample.At.UnixMilli()
		return ms > last || ms < last-back.Milliseconds()
	})
}

var errTimeout = errors.New("no answer in time")

func failureOf(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == errTimeout:
		return &QueryError{FailureTimeout, fmt.Sprintf("no whole answer within %v", queryTimeout)}
	case cause != nil:
		return cause
	}
	return &QueryError{FailureUnreachable, withoutURL(err).Error()}
}

// repeated is what net/http repeats of an answer that is none of HTTP.
var repeated = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// withoutURL drops what net/http puts before an error, and what it repeats of an answer.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return errors.New(repeated.ReplaceAllString(err.Error(), "…"))
}

// errorTypes are the kinds of error that Prometheus' API has.
var errorTypes = []string{"timeout", "canceled", "execution", "bad_data", "internal", "unavailable", "not_found"}

// said is the kind of error that an answer of the API gives; "" for any other, such as a page.
// Its text is not repeated: who knows what it quotes.
func said(text []byte) string {
	var answer struct{ ErrorType string }
	if json.Unmarshal(text, &answer) != nil || !slices.Contains(errorTypes, answer.ErrorType) {
		return ""
	}
	return ": " + answer.ErrorType
}

func parse(text []byte) ([]Series, error) {
	var answer struct {
		Status string
		Data   struct {
			ResultType string
			Result     []struct {
				Metric map[string]string
				Values []pair
			}
		}
	}
	bad := func(format string, args ...any) ([]Series, error) {
		return nil, &QueryError{FailureBadResponse, fmt.Sprintf(format, args...)}
	}
	if !utf8.Valid(text) || json.Unmarshal(text, &answer) != nil {
		return bad("an answer that is not that of Prometheus' API")
	}
	if answer.Status != "success" || answer.Data.ResultType != "matrix" {
		return bad("an answer without a matrix of samples")
	}
	var all []Series
	for _, r := range answer.Data.Result {
		s := Series{Labels: r.Metric, Samples: make([]Sample, 0, len(r.Values))}
		for _, v := range r.Values {
			s.Samples = append(s.Samples, Sample(v))
		}
		all = append(all, s)
	}
	return all, nil
}

// A pair is a sample as the API writes it: [1764284400.123, "17"].
type pair Sample

func (p *pair) UnmarshalJSON(text []byte) error {
	var value string
	var at json.Number
	parts := []any{&at, &value}
	if err := json.Unmarshal(text, &parts); err != nil {
		return err
	}
	seconds, err := at.Float64()
	if err != nil || len(parts) != 2 || seconds < 0 || seconds > 1e11 {
		return errors.New("want a time and a value")
	}
	p.At = time.UnixMilli(int64(seconds*1e3 + 0.5))
	p.Value, err = strconv.ParseFloat(value, 64)
	return err
}
