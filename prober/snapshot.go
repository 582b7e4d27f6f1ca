package prober

import (
	"fmt"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// judgeVersion changes whenever a [Snapshot] means something else than before.
const judgeVersion = 1

// A Snapshot is what a [Judge] knows of one check, or of a group, put aside to outlive
// the process. It is plain data, which encoding/json writes and reads without loss.
// Counts are not in it, as counters of the process begin with it; nor is the blame,
// which is told its runs again, see [Judge.Recall].
type Snapshot struct {
	Version int `json:"version"`
	// At is the end of the last run that the judge has seen of the check.
	At       time.Time       `json:"at"`
	Detector detect.Snapshot `json:"detector"`
	Budget   detect.Budget   `json:"budget"`
	LastPass time.Time       `json:"last_pass"`
	// Epoch is where the windows begin, and Windows those of [Windows], in order.
	Epoch   time.Time        `json:"epoch"`
	Windows []WindowSnapshot `json:"windows"`
	// FailOpens are those that stand, and Since is when the state last changed.
	FailOpens []FailOpen `json:"fail_opens,omitempty"`
	Since     time.Time  `json:"since,omitzero"`
	// Trouble is since when a group was in trouble, by its account when it last began to fire.
	Trouble time.Time `json:"trouble,omitzero"`
	// Explained is that of [CheckStatus], and ExplainedFailed how many runs have failed since.
	Explained       bool `json:"explained,omitempty"`
	ExplainedFailed int  `json:"explained_failed,omitempty"`

	// Evidence is that of the check after the run, and Counted says whether the run
	// has moved it. Neither is kept.
	Evidence float64 `json:"-"`
	Counted  bool    `json:"-"`
}

// A WindowSnapshot is a window of a length of time: how many runs failed, and how
// many there were, in each of its buckets.
type WindowSnapshot struct {
	Length  time.Duration            `json:"length"`
	Head    int64                    `json:"head"` // number of the newest bucket since the epoch
	Buckets [windowBuckets][2]uint32 `json:"buckets"`
}

// Snapshot puts what is known of the check, or the [Group.Check], of that name into s,
// whose memory it uses again. It reports whether the judge knows any.
func (j *Judge) Snapshot(name string, s *Snapshot) bool {
	g := j.named(name)
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.snapshot(s)
	return true
}

func (g *judged) snapshot(s *Snapshot) {
	*s = Snapshot{
		Version: judgeVersion, At: g.seen.Round(0), Detector: g.detector.Snapshot(), Budget: g.budget,
		LastPass: g.status.LastPass.Round(0), Epoch: g.epoch.Round(0), Windows: s.Windows[:0],
		Explained: g.explained, ExplainedFailed: g.explaining.failed,
		FailOpens: g.open.wall(), Since: g.since.Round(0), Trouble: g.trouble.Round(0), Evidence: g.detector.Evidence(), Counted: g.counted,
	}
	for i, length := range Windows {
		w := &g.windows[i]
		one := WindowSnapshot{Length: length, Head: w.head}
		for n, b := range w.buckets {
			one.Buckets[n] = [2]uint32{b.failed, b.runs}
		}
		s.Windows = append(s.Windows, one)
	}
}

// Restore puts a check, or a [Group.Check], where the snapshot was taken, before any of
// its runs is observed: state, evidence, windows and budget. Nobody is told of a change,
// for none has happened. Time has passed since then; but where the clock has been put
// back to before the snapshot, none has, and what lies ahead of now is taken to be now.
//
// However old a snapshot is its evidence stands: runs move it, not time. Windows
// empty by time.
//
// It is an error, and the check begins afresh, if the objective is another one, or the
// snapshot is none that a judge can have made. Even so its windows go on, and what stands
// open, and a page of the other objective, as in [Judge.ReplaceChecks].
func (j *Judge) Restore(c *Check, s Snapshot, now time.Time) error {
	g := j.of(c)
	if g == nil {
		return fmt.Errorf("restoring %q: the judge does not know it", c.Name)
	}
	if s.Version != judgeVersion {
		return fmt.Errorf("restoring %q: snapshot of version %d, want %d", c.Name, s.Version, judgeVersion)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.restoreWindows(s, now)
	s.notAfter(now)
	if g.open = openings(s.FailOpens).of(c); len(g.open) > 0 {
		g.since = s.Since
	}
	if err := g.detector.Restore(s.Detector); err != nil {
		g.pageOn(s)
		return fmt.Errorf("restoring %q: %w", c.Name, err)
	}
	g.since, g.trouble, g.seen = s.Since, s.Trouble, s.At
	if s.Explained && g.detector.State() == detect.Firing && c.member() {
		g.explaining = explaining{explained: true, failed: max(0, s.ExplainedFailed)}
	}
	g.status.LastPass = s.LastPass
	s.Budget.Limit = g.budget.Limit
	g.budget = s.Budget
	if failed := s.Detector.FailedAt; !failed.IsZero() {
		g.blipEnd = failed.Add(c.Objective.Blip)
	}
	return nil
}

// pageOn has the check fire on where that of another objective was firing.
func (g *judged) pageOn(s Snapshot) {
	before := detect.New(s.Detector.Params)
	if before.Restore(s.Detector) != nil {
		return
	}
	if g.detector.Succeed(before); g.detector.State() == detect.Firing {
		g.since, g.seen = s.Since, s.At
		g.status.LastPass = s.LastPass
	}
}

// restoreWindows has the buckets go on from where they were.
func (g *judged) restoreWindows(s Snapshot, now time.Time) {
	is := now.Round(0)
	if s.At.After(is) {
		is = s.At
	}
	passed := is.Sub(s.Epoch)
	if s.Epoch.IsZero() || passed < 0 {
		return // no judge has made it
	}
	g.epoch = now.Add(-passed) // with the reading of the monotonic clock that now has
	for _, one := range s.Windows {
		for i, length := range Windows {
			if length != one.Length || one.Head < 0 || one.Head > int64(passed/g.windows[i].width) {
				continue
			}
			w := &g.windows[i]
			w.head = one.Head
			for n, b := range one.Buckets {
				w.buckets[n] = tally{failed: min(b[0], b[1]), runs: b[1]}
			}
		}
	}
}

// notAfter takes times that lie ahead, since the clock was put back, to be now.
func (s *Snapshot) notAfter(now time.Time) {
	times := []*time.Time{&s.At, &s.LastPass, &s.Since, &s.Trouble, &s.Detector.Since, &s.Detector.FailedAt, &s.Detector.Bursts.Ended}
	for i := range s.Detector.Components {
		times = append(times, &s.Detector.Components[i].Since)
	}
	for i := range s.FailOpens {
		times = append(times, &s.FailOpens[i].Since, &s.FailOpens[i].Last)
	}
	for _, t := range times {
		if t.After(now) {
			*t = now.Round(0)
		}
	}
}

// Recall tells the judge again of a run that counted, for the blame of the check, or
// the [Group.Check], after it was restored; the oldest first. The tags are those that
// [BlameTags] had of the run, and in a group "check", the name of the run's own.
func (j *Judge) Recall(c *Check, end time.Time, failed bool, tags map[string]string) {
	g := j.of(c)
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.detector.ChangePoint().IsZero() {
		return
	}
	g.begin()
	g.blame.Observe(end, failed, tags)
	g.stale = true
}

// RecallRuns gives a restored check its last run, and the last that failed, each nil
// where there was none. They are shown, and judged no more.
func (j *Judge) RecallRuns(c *Check, last, failed *Run) {
	if g := j.of(c); g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.status.LastRun, g.status.LastFailed = last, failed
	}
}

// BlameTags adds to tags what the blame of a run's own check knows of it: the tags of
// its flow and of the moment, the address, the certificate and the account.
func BlameTags(r *Run, tags map[string]string) {
	put := func(key, value string) {
		if value != "" {
			tags[key] = value
		}
	}
	put(tagAccount, r.Account)
	put(tagRemote, firstRemote(r))
	put(tagCertificate, r.Certificate)
	for k, v := range r.Tags {
		tags[k] = v
	}
}
