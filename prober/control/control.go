package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
)

const (
	defaultEvery   = 10 * time.Second
	defaultTimeout = 2 * time.Second
	// keptRounds bound the memory: an hour of rounds, or less where runs ask for more.
	keptRounds = 360
)

// Options are what a Control is made of. The zero value looks at loopback alone.
type Options struct {
	// URLs are what can be reached unless our own network is sick: http or https,
	// without a user. Their hosts name them on metrics, and differ.
	URLs []*url.URL
	// UserAgent is sent with each look.
	UserAgent string
	// Every is the time between rounds of looks; zero means 10 s. Timeout is how long a
	// look may take; zero means 2 s.
	Every, Timeout time.Duration
	// Log gets a line when the network begins to be sick, and when it is well again.
	// Nil discards it.
	Log *zap.Logger
}

// A Control says whether a failure was our own. It is safe for concurrent use.
type Control struct {
	o       Options
	targets []target
	local   *loopback
	pulse   pulse

	mu      sync.Mutex
	rounds  []*round // newest last; one that is under way is the last
	status  []prober.ControlTarget
	excused map[prober.ExcuseCause]uint64
	sick    bool // as was logged
}

// A target is something to look at. The first is always loopback.
type target struct {
	name string
	look func(ctx context.Context) error
}

// A round is one look at each target.
type round struct {
	begin time.Time
	done  chan struct{} // closed when the rest is there
	why   error         // that the network is sick; nil if it is well, or nobody can tell
}

// New returns a Control, which serves what it looks at on loopback until it is closed.
func New(o Options) (*Control, error) {
	if o.Every == 0 {
		o.Every = defaultEvery
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	local, err := newLoopback()
	if err != nil {
		return nil, fmt.Errorf("looking at ourselves: %w", err)
	}
	c := &Control{o: o, local: local, excused: map[prober.ExcuseCause]uint64{}, targets: []target{{"loopback", local.look}}}
	for _, u := range o.URLs {
		if slices.ContainsFunc(c.targets, func(t target) bool { return t.name == u.Host }) {
			return nil, errors.Join(fmt.Errorf("looking at %q: it is there twice", u.Host), local.close())
		}
		c.targets = append(c.targets, target{u.Host, webLook(u, o.UserAgent)})
	}
	for _, t := range c.targets {
		c.status = append(c.status, prober.ControlTarget{Name: t.name, Up: true})
	}
	return c, nil
}

// Close ends what New has begun. No look may be under way.
func (c *Control) Close() error { return c.local.close() }

// Run looks at the targets, and at our own timers, until ctx is done.
func (c *Control) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { c.pulse.run(ctx) })
	tick := time.NewTicker(c.o.Every)
	defer tick.Stop()
	for {
		_ = c.roundSince(ctx, time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// Excuse is for [prober.Options.Excuse]: it returns what was wrong with us while the run
// was made, or nil. It looks, if nobody has since the run began, and returns when that is
// done, at most [Options.Timeout] later, or when ctx is.
func (c *Control) Excuse(ctx context.Context, r *prober.Run) error {
	step := r.FailedStep()
	if step == nil || !step.Reason.BySelf() {
		return nil
	}
	cause, why := c.pulse.excuse(r.Start, r.End())
	if why == nil && step.Reason != prober.ReasonTooSlow {
		cause, why = prober.ExcuseNetwork, c.sickSince(ctx, r.Start)
	}
	if why == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.excused[cause]++
	return fmt.Errorf("%w; the run had failed in step %q: %s", why, step.Name, step.Reason)
}

// sickSince returns why the network was sick in a round since the run began, or in the
// last one before: a run may be over before the next.
func (c *Control) sickSince(ctx context.Context, start time.Time) error {
	if why := c.roundSince(ctx, start).why; why != nil {
		return why
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.rounds) - 1; i >= 0; i-- {
		r := c.rounds[i]
		if r.over() && r.why != nil {
			return r.why
		}
		if r.begin.Before(start) {
			break
		}
	}
	return nil
}

func (r *round) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// roundSince returns the newest round that began at start or later, once it is over; it
// makes one if there is none.
func (c *Control) roundSince(ctx context.Context, start time.Time) *round {
	c.mu.Lock()
	if n := len(c.rounds); n > 0 && !c.rounds[n-1].begin.Before(start) {
		r := c.rounds[n-1]
		c.mu.Unlock()
		select {
		case <-r.done:
		case <-ctx.Done():
			return &round{}
		}
		return r
	}
	r := &round{begin: time.Now(), done: make(chan struct{})}
	c.rounds = append(c.rounds, r)
	if len(c.rounds) > keptRounds {
		c.rounds = slices.Delete(c.rounds, 0, 1)
	}
	c.mu.Unlock()
	c.make(ctx, r)
	return r
}

// make makes the round, on the calling goroutine.
func (c *Control) make(ctx context.Context, r *round) {
	defer close(r.done)
	looks, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	errs := make([]error, len(c.targets))
	var looking sync.WaitGroup
	for i, t := range c.targets {
		looking.Go(func() { errs[i] = t.look(looks) })
	}
	looking.Wait()
	if ctx.Err() != nil {
		return // we are shutting down, and know nothing
	}
	r.why = c.verdict(errs)
	c.note(errs, r.why)
}

// verdict is why the network is sick; nil if it is well, or nobody can tell.
func (c *Control) verdict(errs []error) error {
	if errs[0] != nil {
		return fmt.Errorf("our own machine is sick: loopback: %w", errs[0])
	}
	if len(errs) == 1 || slices.Contains(errs[1:], nil) {
		return nil
	}
	var all []string
	for i, err := range errs[1:] {
		all = append(all, fmt.Sprintf("%s: %v", c.targets[i+1].name, err))
	}
	return fmt.Errorf("our own network is sick: %s", strings.Join(all, "; "))
}

func (c *Control) note(errs []error, why error) {
	c.mu.Lock()
	for i, err := range errs {
		t := &c.status[i]
		t.Looks++
		if t.Up = err == nil; !t.Up {
			t.Failures++
		}
	}
	was := c.sick
	c.sick = why != nil
	c.mu.Unlock()
	switch {
	case why != nil && !was:
		c.o.Log.Error("the prober itself is sick: runs that fail meanwhile are errored", zap.Error(why))
	case why == nil && was:
		c.o.Log.Info("the prober itself is well again")
	}
}

// Status returns how things stand now.
func (c *Control) Status() prober.ControlStatus {
	c.mu.Lock()
	s := prober.ControlStatus{Targets: slices.Clone(c.status), Excused: map[prober.ExcuseCause]uint64{}}
	for cause, n := range c.excused {
		s.Excused[cause] = n
	}
	c.mu.Unlock()
	s.Starved = c.pulse.total().Seconds()
	s.Throttled, s.HasThrottled = throttled()
	return s
}

// repeated is what net/http repeats of an answer that is none of HTTP.
var repeated = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// plain is what is wrong, without the URL, what net puts around it, and what is repeated of an
// answer.
func plain(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return errors.New(dns.Err)
	}
	return errors.New(repeated.ReplaceAllString(err.Error(), "…"))
}
