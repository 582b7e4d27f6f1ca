package prober

import (
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// The tags that every run has beside those of its flow, which come first where the
// keys are the same.
const (
	tagRemote      = "remote"      // the address that the run's first connection went to
	tagCertificate = "certificate" // the one that its first TLS connection was shown
	tagAccount     = "account"     // the leased account
	tagCheck       = "check"       // in a group: the check that the run is of
)

// findEvery is how old a finding gets before it is looked for anew: some
// thousand runs of many tags take a few milliseconds.
const findEvery = 5 * time.Second

// MostBlamed is how many tags of a check metrics name at the most.
const MostBlamed = 3

// A blaming is what a judge knows about whom to blame for the failures of one
// check. Runs are kept only while something speaks for a change, from its
// first failure on: none before it is of interest, and healthy checks cost nothing.
type blaming struct {
	blame   *detect.Blame // nil while nothing speaks for a change
	tags    map[string]string
	finding detect.Finding
	foundAt time.Time // zero where there is no finding
	stale   bool      // a run was kept since
}

// keep shows a counted run, after which the rate is as it is since the given time;
// zero if nothing speaks for a change.
func (b *blaming) keep(r *Run, group bool, since time.Time) {
	if since.IsZero() {
		b.blame = nil
		b.forget()
		return
	}
	b.begin()
	clear(b.tags)
	if group {
		b.tags[tagCheck] = r.Check.Name
	}
	BlameTags(r, b.tags)
	b.blame.Observe(r.End(), r.Outcome == Failed, b.tags)
	b.stale = true
}

// begin has runs kept from now on, if none are.
func (b *blaming) begin() {
	if b.blame == nil {
		b.blame, b.tags = detect.NewBlame(), map[string]string{}
	}
}

// firstRemote is where the run's first connection went. Later ones, which a failed
// run may not have come to, would tell failed from passed runs by themselves.
func firstRemote(r *Run) string {
	for i := range r.Steps {
		if r.Steps[i].Remote != "" {
			return r.Steps[i].Remote
		}
	}
	return ""
}

// forget has the next find look anew.
func (b *blaming) forget() { b.finding, b.foundAt = detect.Finding{}, time.Time{} }

// find says whom to blame for the failures since the given time.
func (b *blaming) find(since, now time.Time) detect.Finding {
	if b.blame == nil {
		return detect.Finding{}
	}
	if b.foundAt.IsZero() || b.stale && now.Sub(b.foundAt) >= findEvery {
		b.finding, b.foundAt, b.stale = b.blame.Find(since), now, false
	}
	return b.finding
}

// A blamed is a tag that is blamed, with the failure ratio of the runs that have it.
type blamed struct {
	tag   detect.Tag
	ratio float64
}

// blamedOf are the tags of the most significant culprit, and then further values of
// the same key, at most MostBlamed: what [detect.Finding.String] names. They
// differ, and are UTF-8.
func blamedOf(f detect.Finding) (all []blamed) {
	for i, c := range f.Culprits {
		for _, t := range c.Tags {
			if i > 0 && t.Key != f.Culprits[0].Tags[0].Key {
				continue
			}
			t = detect.Tag{Key: strings.ToValidUTF8(t.Key, "?"), Value: strings.ToValidUTF8(t.Value, "?")}
			known := slices.ContainsFunc(all, func(b blamed) bool { return b.tag == t })
			if len(all) < MostBlamed && !known {
				all = append(all, blamed{t, float64(c.Failed) / float64(c.Runs)})
			}
		}
	}
	return all
}
