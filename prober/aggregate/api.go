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
	FailurePartial     Failure = "partial"      // an answer that says of itself that something is missing
)

// QueryFailures lists every reason.
var QueryFailures = []Failure{FailureUnreachable, FailureTimeout, FailureStatus, FailureTooLarge, FailureBadResponse, FailurePartial}

// A QueryError is a query that had no answer.
type QueryError struct {
	Failure Failure
	Text    string
	// Heavy says that a query of less may have one.
	Heavy bool
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

// An Answer is what was read.
type Answer struct {
	Series []Series
	// Partial says that there is more, which could not be read: an answer with warnings, as Thanos
	// gives while one of its stores is away.
	Partial bool
	// Clock is what time the API has it, to the second; zero where it does not say.
	Clock time.Time
}

// A Series is one that was read.
type Series struct {
	Labels  map[string]string
	Samples []Sample // in the order of their times
}

// Read returns the samples that the selected series have in the time before at that is as long as
// back, in whole seconds. The error is a [*QueryError], or that of ctx. It tries once.
//
// What Prometheus does not know of it passes over: Thanos is asked for samples as they were scraped, not
// for means of five minutes, and for one replica of each series.
func (a *API) Read(ctx context.Context, selector string, at time.Time, back time.Duration) (Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, queryTimeout, errTimeout)
	defer cancel()
	form := url.Values{
		"query": {fmt.Sprintf("%s[%ds]", selector, int64(back/time.Second))},
		"time":  {strconv.FormatFloat(float64(at.UnixMilli())/1e3, 'f', 3, 64)},

		"max_source_resolution": {"0s"},
		"dedup":                 {"true"},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL.JoinPath("api/v1/query").String(), strings.NewReader(form.Encode()))
	if err != nil {
		return Answer{}, &QueryError{Failure: FailureUnreachable, Text: withoutURL(err).Error()}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := a.Client.Do(req)
	if err != nil {
		return Answer{}, failureOf(ctx, err)
	}
	defer resp.Body.Close()
	most := cmp.Or(a.most, mostAnswer)
	text, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return Answer{}, failureOf(ctx, err)
	case int64(len(text)) > most:
		return Answer{}, &QueryError{Failure: FailureTooLarge, Text: fmt.Sprintf("an answer of more than %d MiB", most>>20), Heavy: true}
	case resp.StatusCode/100 != 2:
		return Answer{}, refused(resp.StatusCode, text)
	}
	answer, err := parse(text)
	if err == nil && slices.ContainsFunc(answer.Series, func(s Series) bool { return s.strays(at, back) }) {
		return Answer{}, &QueryError{Failure: FailureBadResponse, Text: "samples of another time than was asked for"}
	}
	if clock, wrong := http.ParseTime(resp.Header.Get("Date")); wrong == nil && err == nil {
		answer.Clock = clock
	}
	return answer, err
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

// refused is the error of an answer that is not 2xx. Prometheus says 422 where a query has more samples
// than it may, Mimir where one is of too many series, chunks or hours.
func refused(status int, text []byte) error {
	heavy := status == http.StatusUnprocessableEntity || status == http.StatusRequestEntityTooLarge
	return &QueryError{Failure: FailureStatus, Text: fmt.Sprintf("status %d, want 200%s", status, said(text)), Heavy: heavy}
}

var errTimeout = errors.New("no answer in time")

func failureOf(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == errTimeout:
		return &QueryError{Failure: FailureTimeout, Text: fmt.Sprintf("no whole answer within %v", queryTimeout)}
	case cause != nil:
		return cause
	}
	return &QueryError{Failure: FailureUnreachable, Text: withoutURL(err).Error()}
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

func parse(text []byte) (Answer, error) {
	var answer struct {
		Status   string
		Warnings []string
		Data     struct {
			ResultType string
			Result     []struct {
				Metric map[string]string
				Values samples
			}
		}
	}
	bad := func(text string) (Answer, error) {
		return Answer{}, &QueryError{Failure: FailureBadResponse, Text: text}
	}
	if !utf8.Valid(text) || json.Unmarshal(text, &answer) != nil {
		return bad("an answer that is not that of Prometheus' API")
	}
	if answer.Status != "success" || answer.Data.ResultType != "matrix" {
		return bad("an answer without a matrix of samples")
	}
	out := Answer{Partial: len(answer.Warnings) > 0}
	for _, r := range answer.Data.Result {
		// Prometheus has them in order; of others the counter would pass over all that is behind the newest.
		slices.SortStableFunc(r.Values, func(a, b Sample) int { return a.At.Compare(b.At) })
		out.Series = append(out.Series, Series{Labels: r.Metric, Samples: r.Values})
	}
	return out, nil
}
