package alertmanager

import (
	"context"
	"math/rand/v2"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
)

const (
	// resendEvery is how often what is out is told again: well before it ends.
	resendEvery = time.Minute
	// postTimeout is how long one Alertmanager may take for one attempt.
	postTimeout = 10 * time.Second
	// The wait after a failed attempt doubles from the first to the last of these,
	// and is then drawn between half of that and all of it.
	firstWait = time.Second
	lastWait  = 30 * time.Second
)

// A sender keeps one Alertmanager informed. Its fields are those of its goroutine.
type sender struct {
	name         string
	post         func(context.Context, []postable) (prober.NotifyFailure, error)
	generatorURL string
	board        *board
	told         func(string, prober.NotifyFailure)
	log          *zap.Logger
	grace        time.Duration
	wake         chan struct{}

	sent     uint64    // the revision that has arrived
	arrived  time.Time // when that was; zero for never
	some     bool      // whether there was an alert in it
	failures int       // in a row
	failure  prober.NotifyFailure
	notUntil time.Time // when it may be tried again
}

func newSender(u *url.URL, o Options, b *board) *sender {
	p := poster{client: o.Client, url: u.JoinPath("api/v2/alerts").String()}
	return &sender{
		name: Name(u), post: p.post, generatorURL: o.GeneratorURL, board: b, told: o.Told, grace: o.Grace,
		log: o.Log.With(zap.String("alertmanager", Name(u))), wake: make(chan struct{}, 1),
	}
}

// run tells what is news until ctx is done, and then, for the grace, what is left.
func (s *sender) run(ctx context.Context) {
	s.tell(ctx, func() bool { return true })
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.grace)
	defer cancel()
	s.tell(last, func() bool { return s.board.current() != s.sent })
	if s.board.current() != s.sent {
		s.log.Warn("alerts are left untold at the end")
	}
}

// tell goes on while there may be something to tell, until ctx is done.
func (s *sender) tell(ctx context.Context, while func() bool) {
	for ctx.Err() == nil && while() {
		wait, wanted := s.delay(time.Now())
		if wanted && wait <= 0 {
			s.attempt(ctx)
			continue
		}
		s.sleep(ctx, wait, wanted)
	}
}

// delay is how long until the next attempt; false if only news make one.
func (s *sender) delay(now time.Time) (time.Duration, bool) {
	next := s.arrived.Add(resendEvery)
	switch {
	case s.board.current() != s.sent:
		next = now
	case !s.some:
		return 0, false
	}
	if next.Before(s.notUntil) {
		next = s.notUntil
	}
	return next.Sub(now), true
}

// sleep waits, or for news.
func (s *sender) sleep(ctx context.Context, wait time.Duration, wanted bool) {
	var late <-chan time.Time
	if wanted {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-ctx.Done():
	case <-s.wake:
	case <-late:
	}
}

// attempt tells everything once.
func (s *sender) attempt(ctx context.Context) {
	now := time.Now()
	alerts, revision := s.board.read(now, s.generatorURL)
	if len(alerts) == 0 { // and whether it takes any is not known
		s.sent, s.some = revision, false
		return
	}
	failure, err := s.postAll(ctx, alerts)
	if failure != "" && ctx.Err() != nil {
		return // we have cut it short ourselves
	}
	if failure != "" {
		s.failed(failure, err)
		return
	}
	if s.failures > 0 {
		s.log.Info("alerts arrive again", zap.Int("after_failures", s.failures))
	}
	s.sent, s.arrived, s.some = revision, now, true
	s.failures, s.failure, s.notUntil = 0, "", time.Time{}
}

func (s *sender) failed(failure prober.NotifyFailure, err error) {
	s.failures++
	wait := backoff(s.failures)
	s.notUntil = time.Now().Add(wait)
	if failure != s.failure {
		s.log.Warn("alerts do not arrive", zap.String("reason", string(failure)), zap.Error(err))
		s.failure = failure
	}
}

// backoff is the wait after so many failures in a row.
func backoff(failures int) time.Duration {
	full := lastWait
	if failures < 6 { // 1 s, 2, 4, 8, 16
		full = min(lastWait, firstWait<<(failures-1))
	}
	return full/2 + rand.N(full/2)
}

// atOnce is how many alerts are in one request at the most, as with Prometheus:
// proxies bound its size.
const atOnce = 64

func (s *sender) postAll(ctx context.Context, alerts []postable) (prober.NotifyFailure, error) {
	for len(alerts) > 0 {
		some := alerts[:min(atOnce, len(alerts))]
		alerts = alerts[len(some):]
		attempt, cancel := context.WithTimeout(ctx, postTimeout)
		failure, err := s.post(attempt, some)
		cancel()
		if failure != "" && ctx.Err() != nil {
			return failure, err
		}
		s.told(s.name, failure)
		if failure != "" {
			return failure, err
		}
	}
	return "", nil
}
