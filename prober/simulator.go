package prober

import (
	"context"
	"time"
)

// A Simulator runs checks in a time of its own, on the goroutine that calls it, as fast as
// the machine can: months in minutes. Everything that decides is a [Prober]'s own: which
// due times there are, whether one is met, why it is missed, when to confirm, how a run is
// settled, whether the fault is excused, and what observers are told in which order. What it
// leaves out are goroutines, timers and sockets, and so whatever a busy machine would add:
// nothing is ever late but what [Simulator.Suspend] makes so, and that as in a Prober:
// see [MostLate].
//
// A probe is made where its run begins and returns at once; Report.Took says how long the
// run takes, at most the schedule's timeout, and it is settled then. The context of
// probes has no deadline. It is not safe for concurrent use; several go side by side.
type Simulator struct {
	loops     []simulated
	collector *collector
	queue     queue
	start     time.Time
	now       time.Duration // since start
	n         uint64        // events so far
	spare     []*flight
}

// A simulated is a loop with its runs in flight.
type simulated struct {
	*loop
	turnAt  time.Duration // of its turn in the queue, later ones are void; zero for none
	waiting []beginning   // for a slot
}

// NewSimulator returns a simulator of the checks and observers whose schedules begin at
// start, which is not before they were made. It complains as [New] does. Options.Paused is not asked.
func NewSimulator(opts Options, start time.Time) (*Simulator, error) {
	p, err := New(opts)
	if err != nil {
		return nil, err
	}
	s := &Simulator{collector: newCollector(p.opts.Observers, p.opts.Log), start: start, loops: make([]simulated, len(p.loops))}
	for i, l := range p.loops {
		l.tell = s.collector.observe
		l.startAt(start)
		s.loops[i].loop = l
		s.turn(i)
	}
	return s, nil
}

// Now is the time that it has come to.
func (s *Simulator) Now() time.Time { return s.start.Add(s.now) }

// RunUntil has everything happen that is due before end.
func (s *Simulator) RunUntil(end time.Time) {
	until := end.Sub(s.start)
	for len(s.queue) > 0 && s.queue[0].at < until {
		h := s.queue.pop()
		if h.ended == nil && h.at != s.loops[h.loop].turnAt {
			continue
		}
		s.now = max(s.now, h.at) // what was due in a suspension is found at its end
		if h.ended != nil {
			s.end(h.loop, h.ended)
		} else {
			s.turn(h.loop)
		}
	}
	s.now = max(s.now, until)
}

// Suspend has the machine stand still for d: runs in flight end, and due times are
// found, when it goes on.
func (s *Simulator) Suspend(d time.Duration) { s.now += max(d, 0) }

// turn has a loop do what is to be done now, and puts its next turn into the queue.
func (s *Simulator) turn(i int) {
	l := &s.loops[i]
	for {
		begun, wait := l.turn(s.Now())
		switch begun.slot {
		case nextSlot:
			l.waiting = append(l.waiting, begun)
		case confirmSlot:
			l.slots <- struct{}{} // there is room: see confirming
			s.begin(i, begun)
		case ownSlot:
			s.begin(i, begun)
		}
		if wait == 0 {
			continue
		}
		if at := s.now + wait; at != l.turnAt {
			l.turnAt = at
			s.push(happening{at: at, loop: i})
		}
		return
	}
}

// A flight is a run that is under way.
type flight struct {
	begun   beginning
	run     *Run
	attempt Attempt
}

// begin makes a run that has its slot.
func (s *Simulator) begin(i int, b beginning) {
	l := &s.loops[i]
	run, a, miss := l.open(b.due, s.Now(), b.slot == confirmSlot)
	if miss != "" {
		l.made(b, nil, miss, s.Now())
		s.giveBack(i, b)
		return
	}
	if run.Err == nil {
		run.Report = l.probeIn(context.Background(), a)
	}
	took := max(run.Report.Took, 0)
	s.push(happening{at: s.now + took, loop: i, ended: s.flight(flight{b, run, a})})
}

// flight returns a copy on the heap, where one that is over was, if there is one.
func (s *Simulator) flight(f flight) *flight {
	n := len(s.spare)
	if n == 0 {
		fresh := f
		return &fresh
	}
	last := s.spare[n-1]
	s.spare = s.spare[:n-1]
	*last = f
	return last
}

// end settles a run whose time is over, and has the loop look if it is woken.
func (s *Simulator) end(i int, f *flight) {
	l := &s.loops[i]
	l.close(context.Background(), f.run, f.attempt, s.Now())
	l.made(f.begun, f.run, "", s.Now())
	s.giveBack(i, f.begun)
	*f = flight{}
	s.spare = append(s.spare, f)
	woken := false
	select {
	case <-l.wake:
		woken = true
	default:
	}
	select {
	case <-l.poke:
		woken = true
	default:
	}
	if woken {
		s.turn(i)
	}
}

// giveBack gives a slot back, to who waits for it.
func (s *Simulator) giveBack(i int, b beginning) {
	l := &s.loops[i]
	l.giveBack(b)
	if len(l.waiting) > 0 {
		next := l.waiting[0]
		l.waiting = l.waiting[:copy(l.waiting, l.waiting[1:])]
		l.slots <- struct{}{}
		l.loop.waiting.Store(false)
		s.begin(i, next)
	}
}

func (s *Simulator) push(h happening) {
	s.n++
	h.n = s.n
	s.queue.push(h)
}

// A happening is a turn of a loop, or the end of one of its runs.
type happening struct {
	at    time.Duration // since the start
	n     uint64        // of those at one time, the first comes first
	loop  int
	ended *flight // nil for a turn
}

func (h *happening) before(o *happening) bool { return h.at < o.at || h.at == o.at && h.n < o.n }

// A queue is a heap of happenings.
type queue []happening

func (q *queue) push(h happening) {
	*q = append(*q, h)
	all := *q
	i := len(all) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !h.before(&all[parent]) {
			break
		}
		all[i] = all[parent]
		i = parent
	}
	all[i] = h
}

func (q *queue) pop() happening {
	all := *q
	first, last := all[0], all[len(all)-1]
	all[len(all)-1] = happening{}
	all = all[:len(all)-1]
	*q = all
	if len(all) == 0 {
		return first
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(all) {
			break
		}
		if child+1 < len(all) && all[child+1].before(&all[child]) {
			child++
		}
		if !all[child].before(&last) {
			break
		}
		all[i] = all[child]
		i = child
	}
	all[i] = last
	return first
}
