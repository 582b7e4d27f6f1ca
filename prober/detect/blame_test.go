package detect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// show adds runs, of which the first ones failed, a second apart.
func show(b *Blame, at *time.Time, failed, runs int, tags map[string]string) {
	for i := range runs {
		*at = at.Add(time.Second)
		b.Observe(*at, i < failed, tags)
	}
}

type tags = map[string]string

func TestFind(t *testing.T) {
	type group struct {
		failed, runs int
		tags         tags
	}
	tests := []struct {
		name   string
		groups []group
		want   string
	}{
		{"nothing", nil, "no single culprit"},
		{"no tags", []group{{5, 10, nil}}, "no single culprit"},
		{"as in the manual", []group{{12, 31, tags{"release": "2026.11.3"}}, {0, 402, tags{"release": "2026.11.2"}}},
			"release=2026.11.3: 12 of 31 runs failed, 0 of 402 elsewhere (p < 1e-14)"},
		{"all failed", []group{{10, 10, tags{"release": "a"}}, {10, 10, tags{"release": "b"}}}, "no single culprit"},
		{"none failed", []group{{0, 10, tags{"release": "a"}}, {0, 10, tags{"release": "b"}}}, "no single culprit"},
		{"one value", []group{{5, 10, tags{"release": "a"}}, {0, 10, tags{"release": "a"}}}, "no single culprit"},
		{"alike", []group{{5, 100, tags{"release": "a"}}, {6, 100, tags{"release": "b"}}}, "no single culprit"},
		{"not enough", []group{{2, 20, tags{"release": "a"}}, {0, 20, tags{"release": "b"}}}, "no single culprit"},
		{"barely", []group{{6, 20, tags{"release": "a"}}, {0, 20, tags{"release": "b"}}},
			"release=a: 6 of 20 runs failed, 0 of 20 elsewhere (p = 0.02)"},
		{"always together", []group{
			{9, 40, tags{"release": "b", "remote": "10.0.0.3"}}, {0, 90, tags{"release": "a", "remote": "10.0.0.1"}}, {1, 80, tags{"release": "a", "remote": "10.0.0.2"}},
		}, "release=b and remote=10.0.0.3: 9 of 40 runs failed, 1 of 170 elsewhere (p < 1e-5)"},
		{"two of the same key", []group{
			{20, 40, tags{"remote": "3"}}, {18, 40, tags{"remote": "4"}}, {0, 40, tags{"remote": "1"}}, {0, 40, tags{"remote": "2"}},
		}, "remote=3: 20 of 40 runs failed, 18 of 120 elsewhere (p < 1e-4); remote=4: 18 of 40 runs failed, 20 of 120 elsewhere (p = 0.0014)"},
		{"only failed runs have it", []group{{8, 8, tags{"reason": "timeout"}}, {2, 2, tags{"reason": "refused"}}, {0, 300, nil}}, "no single culprit"},
		{"some runs do not say", []group{{8, 8, nil}, {9, 30, tags{"release": "b"}}, {0, 60, tags{"release": "a"}}},
			"release=b: 9 of 30 runs failed, 0 of 60 elsewhere (p < 1e-4)"},
		{"unprintable", []group{{12, 30, tags{"via": "a\nb"}}, {0, 60, tags{"via": ""}}},
			`via="a\nb": 12 of 30 runs failed, 0 of 60 elsewhere (p < 1e-6)`},
		{"beyond any doubt", []group{{2000, 2000, tags{"release": "b"}}, {0, 2000, tags{"release": "a"}}},
			"release=b: 2000 of 2000 runs failed, 0 of 2000 elsewhere (p < 1e-99)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, at := NewBlame(), start
			for _, g := range tt.groups {
				show(b, &at, g.failed, g.runs, g.tags)
			}
			f := b.Find(time.Time{})
			if got := f.String(); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
			if (f.Culprits == nil) != (tt.want == "no single culprit") {
				t.Errorf("got %+v", f.Culprits)
			}
		})
	}
}

func TestFindSince(t *testing.T) {
	b, at := NewBlame(), start
	show(b, &at, 30, 60, tags{"release": "a"})
	since := at.Add(time.Second)
	show(b, &at, 12, 31, tags{"release": "b"})
	show(b, &at, 0, 402, tags{"release": "a"})
	f := b.Find(since)
	if f.Runs != 433 || f.Failed != 12 || f.Tested != 1 || len(f.Culprits) != 1 || f.Culprits[0].Tags[0] != (Tag{"release", "b"}) {
		t.Errorf("got %+v", f)
	}
	if f := b.Find(at.Add(1)); f.Runs != 0 || f.Culprits != nil {
		t.Errorf("after the last run: got %+v", f)
	}
}

// TestManyValues: a key of as many values as runs does not hide a culprit.
func TestManyValues(t *testing.T) {
	b, at := NewBlame(), start
	for i := range 400 {
		show(b, &at, 1-min(i%80, 1), 1, tags{"id": fmt.Sprint(i), "remote": fmt.Sprint(i % 5)})
	}
	f := b.Find(time.Time{})
	if want := "remote=0: 5 of 80 runs failed, 0 of 320 elsewhere (p = 0.0014)"; f.String() != want || f.Tested != 5 {
		t.Errorf("got %v of %d tested, want %s of 5", f, f.Tested, want)
	}
}

// TestBlameIsBounded shows far more runs and values than are kept.
func TestBlameIsBounded(t *testing.T) {
	b, at := NewBlame(), start
	long := strings.Repeat("é", MostTagLength)
	many := tags{"long": long}
	for i := range 50 {
		many[fmt.Sprintf("k%02d", i)] = "v"
	}
	for i := range 3 * MostBlamedRuns {
		many["k00"] = fmt.Sprint(i)
		show(b, &at, i%2, 1, many)
	}
	if len(b.runs) != MostBlamedRuns || len(b.ids) > MostBlamedRuns+MostTags || len(b.tags) > MostBlamedRuns+MostTags+1 {
		t.Errorf("%d runs, %d ids, %d tags", len(b.runs), len(b.ids), len(b.tags))
	}
	uses := 0
	for tag, id := range b.ids {
		if b.tags[id].tag != tag || b.tags[id].runs <= 0 || len(tag.Value) > MostTagLength {
			t.Fatalf("%v is %+v", tag, b.tags[id])
		}
		uses += b.tags[id].runs
	}
	if uses != MostBlamedRuns*MostTags {
		t.Errorf("%d uses, want %d", uses, MostBlamedRuns*MostTags)
	}
	show(b, &at, 0, MostBlamedRuns, tags{"a": "b"})
	if len(b.ids) != 1 || b.Find(time.Time{}).Failed != 0 {
		t.Errorf("%d ids after a ring full of other runs", len(b.ids))
	}
	if got := cut(long); got != long[:MostTagLength] || cut("x"+long) != "x"+long[:MostTagLength-2] {
		t.Errorf("got %q", got)
	}
	known := tags{"a": "b", "c": "d"}
	b.Observe(at, false, known)
	b.Observe(at, false, known)
	if got := testing.AllocsPerRun(1000, func() { b.Observe(at, false, known) }); got != 0 {
		t.Errorf("got %v allocations a run, want none", got)
	}
}

// An incident is a check from a change of its failure rate to the page.
func incident(seed uint64, params Params, rate func(tags) float64) Finding {
	rng := rand.New(rand.NewPCG(seed, 90))
	d, p, b := New(params), newPace(every, usual, start), NewBlame()
	for n := 0; ; n++ {
		p.next(d)
		tags := facts(rng)
		failed := rng.Float64() < params.Tolerate
		if n >= 500 {
			failed = rng.Float64() < rate(tags)
		}
		j := d.Observe(p.now, failed)
		if j.Counted {
			b.Observe(p.now, failed, tags)
		}
		if j.After == Firing {
			return b.Find(d.ChangePoint())
		}
	}
}

func facts(rng *rand.Rand) tags {
	backend := rng.IntN(5)
	release := "1"
	if rng.Float64() < 0.3 {
		release = "2"
	}
	return tags{
		"remote":      fmt.Sprintf("10.0.0.%d", backend),
		"certificate": fmt.Sprintf("%x", backend%2),
		"account":     fmt.Sprintf("probe-%02d", rng.IntN(20)),
		"release":     release,
		"trace":       fmt.Sprint(rng.Uint64()),
	}
}

// TestBlamesNobody: where all runs fail at the same rate, a culprit is named in at
// most one incident of twenty.
func TestBlamesNobody(t *testing.T) {
	t.Parallel()
	params := withoutBlip.ParamsConfirming(every, usual)
	for _, rate := range []float64{0.02, 0.2} {
		const incidents = 200
		named := 0
		for seed := range uint64(incidents) {
			if incident(seed, params, func(tags) float64 { return rate }).Culprits != nil {
				named++
			}
		}
		t.Logf("rate %v: %d of %d incidents named a culprit", rate, named, incidents)
		if named > incidents/20 {
			t.Errorf("rate %v: %d of %d incidents named a culprit, want one of twenty at most", rate, named, incidents)
		}
	}
}

// TestBlamesTheBackend: where one of five backends is at fault, it is named by the
// time of the page in most incidents, and hardly ever anything else. Higher rates
// are paged for after so few failed runs that they can say less by then.
func TestBlamesTheBackend(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		overall float64
		blip    time.Duration
		least   int // incidents of 100
	}{{0.02, 0, 51}, {0.02, 30 * time.Second, 51}, {0.1, 0, 40}, {0.2, 30 * time.Second, 40}} {
		const incidents, guilty = 100, "10.0.0.3"
		o := withoutBlip
		o.Blip = tt.blip
		params := o.ParamsConfirming(every, usual)
		right, wrong := 0, 0
		for seed := range uint64(incidents) {
			f := incident(seed, params, func(tags tags) float64 {
				if tags["remote"] == guilty {
					return 5 * tt.overall
				}
				return 0
			})
			if f.Culprits == nil {
				continue
			}
			switch f.Culprits[0].Tags[0] {
			case Tag{"remote", guilty}:
				right++
			case Tag{"certificate", "1"}: // of this backend and another: not wrong
			default:
				wrong++
			}
		}
		t.Logf("%+v: %d right, %d wrong of %d", tt, right, wrong, incidents)
		if right < tt.least || wrong > incidents/20 {
			t.Errorf("%+v: %d right, %d wrong of %d", tt, right, wrong, incidents)
		}
	}
}

func BenchmarkBlame(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	store, at := NewBlame(), start
	var sets []tags
	for range 1000 {
		sets = append(sets, facts(rng))
	}
	n := 0
	b.Run("observe", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n++
			at = at.Add(time.Second)
			store.Observe(at, n%7 == 0, sets[n%len(sets)])
		}
	})
	b.Run("find", func(b *testing.B) {
		for b.Loop() {
			store.Find(time.Time{})
		}
	})
}
