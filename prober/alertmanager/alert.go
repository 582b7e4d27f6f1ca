package alertmanager

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// An alert is one that ought to be out, as things stand.
type alert struct {
	labels      map[string]string // with those of [Options.Labels]; none is empty
	annotations map[string]string
	since       time.Time     // when it began; zero for when it was first wanted
	hold        time.Duration // how long it has to be wanted before it is told
	until       time.Time     // when it ends by itself; zero for when it is wanted no more
	notBefore   time.Time     // it does not end before that, told again or not; may be zero
}

// key is the same for alerts that Alertmanager takes for one.
func (a *alert) key() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(a.labels)) {
		b.WriteString(name + "\xff" + a.labels[name] + "\xff") // no text holds that byte, being UTF-8
	}
	return b.String()
}

// A postable is an alert as Alertmanager's API takes it, version 2.
type postable struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}
