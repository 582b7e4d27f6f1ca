package alertmanager

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/authprober/authprober/prober"
)

// decideEvery is how often is looked whether something has changed with time alone,
// such as a ratio whose window moves on. A change of a state is told at once.
const decideEvery = 5 * time.Second

// Options are what a Notifier is made of.
type Options struct {
	// URLs are where the Alertmanagers are met, without /api/v2/alerts, by http or
	// https and without a user. Each gets every alert.
	URLs []*url.URL
	// Client makes the requests. It must not follow redirects: a POST that became a
	// GET would pass for one that arrived. Its Timeout is not needed.
	Client *http.Client
	// Labels are added to every alert where it has none of the name: those that a
	// scrape would add, such as job and instance.
	Labels map[string]string
	// Status returns how all checks and groups stand now. It may be called by any
	// goroutine from Run on.
	Status func() []prober.CheckStatus
	// Settle, unless nil, is called before anything new is told, and returns when what
	// Status has said would be known after a crash, or that takes too long: an incident
	// that a restart forgets would be told a second time, with another beginning.
	Settle func()
	// GeneratorURL, which may be "", is where a reader of an alert finds its prober.
	GeneratorURL string
	// Told, unless nil, is called after each attempt, by several goroutines, with the
	// [Name] of the Alertmanager, and why it failed; "" where it did not.
	Told func(alertmanager string, failure prober.NotifyFailure)
	// Log gets a line when an Alertmanager begins to fail, and when it takes alerts
	// again. Nil discards it.
	Log *zap.Logger
	// Grace is how long Run goes on trying to tell what is not yet told, after its
	// context is done. Zero means 5 s.
	Grace time.Duration
}

// A Notifier keeps Alertmanagers informed. It is an [prober.Observer], to be told of
// runs before the judge is, and its Changed is one of the functions that
// [prober.NewJudge] takes. Neither waits for anything.
type Notifier struct {
	o        Options
	board    *board
	failures *failures
	senders  []*sender
	wake     chan struct{}
}

// Name is what an Alertmanager is called in metrics and in the log.
func Name(u *url.URL) string { return u.Host + u.Path }

// New returns a Notifier that says nothing until it is run.
func New(o Options) (*Notifier, error) {
	if err := validate(o); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Told == nil {
		o.Told = func(string, prober.NotifyFailure) {}
	}
	if o.Grace == 0 {
		o.Grace = 5 * time.Second
	}
	n := &Notifier{o: o, board: newBoard(), failures: newFailures(), wake: make(chan struct{}, 1)}
	for _, u := range o.URLs {
		n.senders = append(n.senders, newSender(u, o, n.board))
	}
	return n, nil
}

func validate(o Options) error {
	if len(o.URLs) == 0 {
		return fmt.Errorf("making a notifier: no URL of an Alertmanager")
	}
	known := map[string]bool{}
	for _, u := range o.URLs {
		if known[Name(u)] {
			return fmt.Errorf("making a notifier: the Alertmanager %q is there twice", Name(u))
		}
		known[Name(u)] = true
	}
	for _, name := range slices.Sorted(maps.Keys(o.Labels)) {
		if err := ValidLabel(name); err != nil {
			return fmt.Errorf("making a notifier: the label %q: %w", name, err)
		}
	}
	return nil
}

// owned are the labels that the alerts themselves have.
var owned = []string{"alertname", "check", "drill", "group", "severity", "step", "window"}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// ValidLabel reports whether a name can be one of [Options.Labels].
func ValidLabel(name string) error {
	switch {
	case !labelName.MatchString(name):
		return fmt.Errorf("want a label name of letters, digits and _")
	case slices.Contains(owned, name):
		return fmt.Errorf("the alerts have a label %s of their own", name)
	}
	return nil
}

// Changed has the alerts worked out anew.
func (n *Notifier) Changed(prober.StateChange) { poke(n.wake) }

// Drilled is Changed for drills.
func (n *Notifier) Drilled(prober.DrillChange) { poke(n.wake) }

// ObserveRun implements [prober.Observer].
func (n *Notifier) ObserveRun(r *prober.Run) {
	if r.Outcome == prober.Failed {
		n.failures.add(r)
	}
}

// ObserveMissed implements [prober.Observer].
func (n *Notifier) ObserveMissed(prober.Missed) {}

// poke leaves word for who waits for c, unless there is some already.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run tells until ctx is done, then what is not yet told, for the grace at the most;
// it resolves nothing that is still firing. It may be called once, and returns when
// everything that it started has ended.
func (n *Notifier) Run(ctx context.Context) {
	telling, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var senders sync.WaitGroup
	for _, s := range n.senders {
		senders.Go(func() { s.run(telling) })
	}
	n.decideUntil(ctx)
	n.decide(0) // what the last runs came to
	stop()
	senders.Wait()
}

func (n *Notifier) decideUntil(ctx context.Context) {
	tick := time.NewTicker(decideEvery)
	defer tick.Stop()
	for {
		n.decide(endHold)
		select {
		case <-ctx.Done():
			return
		case <-n.wake:
		case <-tick.C:
		}
	}
}

// decide works out what ought to be out, and has it told if that is news; what has not
// been wanted for as long as the hold is over.
func (n *Notifier) decide(hold time.Duration) {
	now := time.Now()
	var wanted []alert
	for _, s := range n.o.Status() {
		wanted = append(wanted, n.alertsOf(&s, now)...)
	}
	if n.o.Settle != nil {
		n.o.Settle()
	}
	if n.board.update(now, wanted, hold) {
		for _, s := range n.senders {
			poke(s.wake)
		}
	}
}
