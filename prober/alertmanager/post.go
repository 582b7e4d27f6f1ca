package alertmanager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/authprober/authprober/prober"
)

// A poster speaks the API of one Alertmanager, version 2.
type poster struct {
	client *http.Client
	url    string
}

// post makes one request. The error is for the log, and repeats nothing of the
// answer or of the credentials.
func (p poster) post(ctx context.Context, alerts []postable) (prober.NotifyFailure, error) {
	body, err := json.Marshal(alerts)
	if err != nil {
		return prober.NotifyUnreachable, fmt.Errorf("writing alerts: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return prober.NotifyUnreachable, withoutURL(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	switch {
	case err != nil && ctx.Err() != nil:
		return prober.NotifyTimeout, fmt.Errorf("no answer within %v", postTimeout)
	case err != nil:
		return prober.NotifyUnreachable, withoutURL(err)
	}
	defer resp.Body.Close()
	_, err = io.CopyN(io.Discard, resp.Body, 1<<16) // so that the connection may be used again
	if err != nil && ctx.Err() != nil {
		return prober.NotifyTimeout, fmt.Errorf("no whole answer within %v", postTimeout)
	}
	return judge(resp)
}

// judge says whether an answer is that of an Alertmanager which has taken the alerts:
// of class 2xx, and no page, such as that of a login in front of it.
func judge(resp *http.Response) (prober.NotifyFailure, error) {
	status := fmt.Errorf("status %d, want 200", resp.StatusCode)
	switch resp.StatusCode / 100 {
	case 2:
	case 3:
		return prober.NotifyRedirect, status
	case 4:
		return prober.NotifyStatus4xx, status
	case 5:
		return prober.NotifyStatus5xx, status
	default:
		return prober.NotifyBadResponse, status
	}
	if kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); strings.EqualFold(strings.TrimSpace(kind), "text/html") {
		return prober.NotifyBadResponse, errors.New("a page, want the answer of an Alertmanager")
	}
	return "", nil
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
