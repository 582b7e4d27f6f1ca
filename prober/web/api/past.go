package api

import "time"

// Changes are moments at which states changed, the latest first. Next is the cursor
// of those that come after them; missing where there are none.
type Changes struct {
	Changes []Change `json:"changes"`
	Next    string   `json:"next,omitempty"`
}

// A Change is the moment at which a check, or a group, changed its state.
type Change struct {
	Check    string    `json:"check"`
	From     string    `json:"from"`
	To       string    `json:"to"`
	At       time.Time `json:"at"`
	Evidence float64   `json:"evidence"`
	Ratio    Ratio     `json:"ratio"` // over the hour before
	Blame    string    `json:"blame,omitempty"`
	Step     string    `json:"step,omitempty"` // of the last failed run then
	Reason   string    `json:"reason,omitempty"`
	Run      string    `json:"run,omitempty"` // the id of the run that changed it
}

// A Series is a check over time, in buckets of one width; those without anything
// in them are missing.
type Series struct {
	Check   string       `json:"check"`
	From    time.Time    `json:"from"`
	To      time.Time    `json:"to"`
	Width   float64      `json:"width_seconds"`
	Buckets []Bucket     `json:"buckets"`
	Steps   []StepSeries `json:"steps"`
}

// A Bucket is what came of the due times of a bucket.
type Bucket struct {
	At           time.Time `json:"at"` // its beginning
	Passed       int       `json:"passed"`
	Failed       int       `json:"failed"`
	Errored      int       `json:"errored"`
	Aborted      int       `json:"aborted"`
	Missed       int       `json:"missed"`
	Lower        float64   `json:"lower"` // 95 % interval of the failure ratio
	Upper        float64   `json:"upper"`
	Evidence     float64   `json:"evidence"` // the highest in it
	EvidenceLast float64   `json:"evidence_last"`
	Took         Quantiles `json:"took"`
}

// Quantiles are how long N things took, within a tenth.
type Quantiles struct {
	N      int     `json:"n"`
	Median float64 `json:"median_seconds"`
	P95    float64 `json:"p95_seconds"`
	P99    float64 `json:"p99_seconds"`
	Max    float64 `json:"max_seconds"`
}

// A StepSeries is one step over time.
type StepSeries struct {
	Step    string       `json:"step"`
	Buckets []StepBucket `json:"buckets"`
}

// A StepBucket is how long a step took in a bucket, and how often it failed.
type StepBucket struct {
	At     time.Time `json:"at"`
	Failed int       `json:"failed"`
	Took   Quantiles `json:"took"`
}

// Causes are why runs failed, and what they have in common.
type Causes struct {
	Check   string        `json:"check"`
	From    time.Time     `json:"from"`
	To      time.Time     `json:"to"`
	Runs    int           `json:"runs"` // that passed or failed
	Failed  int           `json:"failed"`
	Reasons []ReasonCount `json:"reasons"`
	Tags    []TagCount    `json:"tags"`
}

// A ReasonCount is how many runs failed at a step for a reason.
type ReasonCount struct {
	Step   string `json:"step"`
	Reason string `json:"reason"`
	Failed int    `json:"failed"`
}

// A TagCount is how many of the runs with a tag failed. It is over-represented where
// its ratio is above that of all runs, beyond its 95 % interval.
type TagCount struct {
	Tag    string  `json:"tag"`
	Value  string  `json:"value"`
	Failed int     `json:"failed"`
	Runs   int     `json:"runs"`
	Lower  float64 `json:"lower"`
	Upper  float64 `json:"upper"`
	Over   bool    `json:"over_represented"`
}
