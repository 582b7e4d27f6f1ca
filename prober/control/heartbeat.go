package control

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	heartbeatEvery   = time.Minute
	heartbeatTimeout = 10 * time.Second
)

// A Heartbeat tells a service elsewhere, again and again, that the prober is alive, so
// that somebody is told when it no longer is: a dead man's switch. Nothing that runs
// beside the prober can do that, for it may have died with it.
type Heartbeat struct {
	// URL is asked for by GET; what answers with a status of class 2xx has heard. It is
	// a secret, of which the host alone is ever shown: whoever knows it can beat.
	URL *url.URL
	// UserAgent is sent with it.
	UserAgent string
	// Alive says why the prober is not alive, in which case there is no beat; nil if it is,
	// such as [prober.Prober.Alive].
	Alive func(ctx context.Context, slack time.Duration) error
	// Log gets a line when beats begin to fail, and when they are heard again.
	Log *zap.Logger

	mu           sync.Mutex
	beats, fails uint64
	failing      bool
}

// Run beats at once and then every minute until ctx is done.
func (h *Heartbeat) Run(ctx context.Context) {
	tick := time.NewTicker(heartbeatEvery)
	defer tick.Stop()
	for {
		h.note(ctx, h.beat(ctx))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (h *Heartbeat) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, heartbeatTimeout)
	defer cancel()
	if err := h.Alive(ctx, heartbeatEvery); err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{}).DialContext}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL.String(), nil)
	if err != nil {
		return fmt.Errorf("the URL of the heartbeat at %s is none", h.URL.Host)
	}
	r.Header.Set("User-Agent", h.UserAgent)
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return fmt.Errorf("asking %s: %w", h.URL.Host, plain(err))
	}
	defer answer.Body.Close()
	io.CopyN(io.Discard, answer.Body, 4096) // what it says is of no concern
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("asking %s: status %d, want 2xx", h.URL.Host, answer.StatusCode)
	}
	return nil
}

func (h *Heartbeat) note(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // it was cut short
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.beats++
	if err != nil {
		h.fails++
	}
	switch was := h.failing; {
	case err != nil && !was:
		h.Log.Error("the heartbeat is not heard", zap.Error(err))
	case err == nil && was:
		h.Log.Info("the heartbeat is heard again")
	}
	h.failing = err != nil
}

// Counts returns how many beats there were, and how many of them were not heard, since
// the process began. A nil Heartbeat has made none.
func (h *Heartbeat) Counts() (beats, failed uint64) {
	if h == nil {
		return 0, 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.beats, h.fails
}
