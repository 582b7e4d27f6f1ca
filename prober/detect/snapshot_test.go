package detect

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// throughJSON takes a snapshot, writes it, reads it and restores another detector.
func throughJSON(t testing.TB, d *Detector) *Detector {
	t.Helper()
	text, err := json.Marshal(d.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var s Snapshot
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	restored := New(d.Params())
	if err := restored.Restore(s); err != nil {
		t.Fatal(err)
	}
	return restored
}

// TestRestartChangesNothing restarts one of two detectors again and again, and
// wants both to be of one mind on everything.
func TestRestartChangesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	a := New(DefaultObjective.Params(every))
	b := New(DefaultObjective.Params(every))
	at := time.Now() // with a monotonic clock reading, as in life
	rate := 0.0
	states := map[State]int{}
	for run := range 20_000 {
		if run%1000 == 0 {
			rate = []float64{0.001, 0.3, 0.05, 0, 1}[rng.IntN(5)]
		}
		at = at.Add(every)
		failed := rng.Float64() < rate
		ja, jb := a.Observe(at, failed), b.Observe(at, failed)
		if ja != jb || a.Evidence() != b.Evidence() || a.Recovery() != b.Recovery() ||
			!a.Since().Equal(b.Since()) || !a.ChangePoint().Equal(b.ChangePoint()) {
			t.Fatalf("run %d: %+v %v %v, restarted %+v %v %v", run, ja, a.Evidence(), a.Recovery(), jb, b.Evidence(), b.Recovery())
		}
		states[a.State()]++
		if run%7 == 0 {
			b = throughJSON(t, b)
		}
	}
	for _, s := range States {
		if states[s] == 0 {
			t.Errorf("was never %v", s)
		}
	}
}

func TestRestoreBursts(t *testing.T) {
	f := feed(DefaultObjective)
	for _, r := range "pffpp" {
		f.run(r == 'f')
	}
	want := f.Bursts()
	if got := throughJSON(t, f.Detector).Bursts(); got != want || got.Runs != 2 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestRestoreRefuses(t *testing.T) {
	suspect := feed(withoutBlip)
	suspect.run(true)
	suspect.run(true)
	if suspect.State() != Suspect {
		t.Fatalf("got %v after two failures, want suspect", suspect.State())
	}
	firing := feed(withoutBlip)
	firing.until(t, Firing, true)
	firing.run(false)
	tests := []struct {
		name string
		from *feeder
		edit func(*Snapshot)
		want string
	}{
		{"zero value", suspect, func(s *Snapshot) { *s = Snapshot{} }, "snapshot of version 0, want 1"},
		{"later version", suspect, func(s *Snapshot) { s.Version++ }, "snapshot of version 2, want 1"},
		{"other objective", suspect, func(s *Snapshot) { s.Params.Detect = 0.03 }, "snapshot of another objective: {Tolerate:0.001 Detect:0.03"},
		{"other blip", suspect, func(s *Snapshot) { s.Params.Blip = 1 }, "snapshot of another objective"},
		{"too few components", suspect, func(s *Snapshot) { s.Components = s.Components[:3] }, "got 3 components, want 8"},
		{"no components", suspect, func(s *Snapshot) { s.Components = nil }, "got 0 components, want 8"},
		{"NaN", suspect, func(s *Snapshot) { s.Components[2].R = math.NaN() }, "component 2: got statistic NaN"},
		{"infinite", firing, func(s *Snapshot) { s.Components[2].R = math.Inf(1) }, "component 2: got statistic +Inf"},
		{"negative", suspect, func(s *Snapshot) { s.Components[7].R = -1 }, "component 7: got statistic -1"},
		{"sum overflows", firing, func(s *Snapshot) {
			s.Components[0].R, s.Components[1].R = math.MaxFloat64, math.MaxFloat64
		}, "got evidence +Inf in state firing"},
		{"peak below 1", suspect, func(s *Snapshot) { s.Components[0].Peak = 0.5 }, "component 0: got peak 0.5, want 1 to"},
		{"peak above its sum", suspect, func(s *Snapshot) { s.Components[0].Peak = 1e300 }, "component 0: got peak 1e+300, want 1 to"},
		{"peak NaN", suspect, func(s *Snapshot) { s.Components[0].Peak = math.NaN() }, "component 0: got peak NaN"},
		{"healthy in spite of evidence", suspect, func(s *Snapshot) { s.State = Healthy }, "in state healthy, want 0 or more and below 0.1"},
		{"firing without evidence", suspect, func(s *Snapshot) { s.State = Firing }, "in state firing, want 1 or more"},
		{"suspect in spite of a page", firing, func(s *Snapshot) { s.State, s.Recovery = Suspect, 0 }, "in state suspect, want 0.05 or more and below 1"},
		{"no state", suspect, func(s *Snapshot) { s.State = 9 }, "got state State(9), want one of [healthy suspect firing]"},
		{"recovery while suspect", suspect, func(s *Snapshot) { s.Recovery = 1 }, "got recovery 1 in state suspect, want 0"},
		{"recovered", firing, func(s *Snapshot) { s.Recovery = 8640 }, "got recovery 8640, want zero or more and below 8640"},
		{"recovery NaN", firing, func(s *Snapshot) { s.Recovery = math.NaN() }, "got recovery NaN"},
		{"negative burst", firing, func(s *Snapshot) { s.Bursts.Runs = -1 }, "want nothing negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.from.Snapshot()
			tt.edit(&s)
			d := New(tt.from.Params())
			d.Observe(start, true)
			before := *d
			err := d.Restore(s)
			if err == nil || !strings.HasPrefix(err.Error(), "restoring a detector: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
			if !reflect.DeepEqual(*d, before) {
				t.Errorf("the detector has changed all the same")
			}
		})
	}
}

var withoutBlip = Objective{0.001, 0.02, 720 * time.Hour, 0}

func TestSnapshotIsACopy(t *testing.T) {
	f := feed(DefaultObjective)
	f.run(true)
	s := f.Snapshot()
	e := f.Evidence()
	s.Components[0].R = 1e9
	if f.Evidence() != e || f.Snapshot().Components[0].R == 1e9 {
		t.Error("a change of the snapshot has changed the detector")
	}
}

func TestStateText(t *testing.T) {
	for i, want := range []string{"healthy", "suspect", "firing"} {
		s := States[i]
		text, err := s.MarshalText()
		var back State
		if s.String() != want || string(text) != want || err != nil || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("got %v, %q, %v, %v; want %q", s, text, err, back, want)
		}
	}
	if _, err := State(3).MarshalText(); err == nil || err.Error() != "writing state 3: want one of [healthy suspect firing]" {
		t.Errorf("got %v", err)
	}
	s := Firing
	if err := s.UnmarshalText([]byte("Healthy")); err == nil || s != Firing || err.Error() != `reading state "Healthy": want one of [healthy suspect firing]` {
		t.Errorf("got %v and %v", err, s)
	}
}

// FuzzRestore wants any snapshot to be refused or to lead to a detector that keeps
// every invariant.
func FuzzRestore(f *testing.F) {
	d := feed(DefaultObjective)
	add := func() {
		text, err := json.Marshal(d.Snapshot())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, []byte("pfpffpp\xff\x00"))
	}
	add()
	for range 4 {
		d.run(true)
	}
	add()
	for d.State() != Firing {
		d.run(true)
	}
	add()
	f.Add([]byte(`{"version":1,"params":{},"state":"firing","components":null,"recovery":1e999}`), []byte("f"))
	f.Fuzz(func(t *testing.T, text, runs []byte) {
		var s Snapshot
		if json.Unmarshal(text, &s) != nil {
			return
		}
		p := DefaultObjective.Params(every)
		s.Params = p
		d := New(p)
		if d.Restore(s) != nil {
			return
		}
		sound(t, d)
		at := start
		for _, r := range runs {
			at = at.Add(time.Duration(r>>1) * time.Second)
			d.Observe(at, r&1 == 0)
			sound(t, d)
		}
		throughJSON(t, d)
	})
}
