package detect_test

import (
	"fmt"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A check has a run due every ten seconds, and looks every second while there is
// evidence. From the 361st run of the schedule on one backend of four fails.
func ExampleDetector_WantsConfirm() {
	every, confirm := 10*time.Second, detect.Confirm{Interval: time.Second, Budget: detect.DefaultBudget}
	d := detect.New(detect.DefaultObjective.ParamsConfirming(every, confirm))
	budget := &detect.Budget{Limit: confirm.Limit(every)}
	blame := detect.NewBlame()

	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	broken := at.Add(time.Hour)
	due := at.Add(every)
	for run := 0; at.Before(broken.Add(5 * time.Minute)); run++ {
		next := at.Add(confirm.Interval)
		if next.Before(due) && d.WantsConfirm(next, budget) && budget.Take(next) {
			at = next
		} else {
			at, due = due, due.Add(every)
		}
		backend := fmt.Sprintf("10.0.0.%d", run%4)
		failed := at.After(broken) && backend == "10.0.0.3"
		j := d.Observe(at, failed)
		if j.Counted {
			blame.Observe(at, failed, map[string]string{"remote": backend})
		}
		if j.Changed() {
			fmt.Printf("%s %v, %d extra runs left\n", at.Format("15:04:05"), j.After, budget.Left(at))
		}
	}
	fmt.Println(blame.Find(d.ChangePoint()))
	// Output:
	// 10:01:11 suspect, 863 extra runs left
	// 10:01:41 firing, 862 extra runs left
	// remote=10.0.0.3: 8 of 8 runs failed, 0 of 5 elsewhere (p < 1e-3)
}

func ExampleGate() {
	p := detect.GateFor(0.01)
	g := detect.NewGate(p)
	for g.Decision() == detect.Undecided {
		g.Observe(false)
	}
	_, runs := g.Counts()
	odds := p.Odds(0.05, 10_000)
	fmt.Printf("%v after %d passed runs; 5 %% of failures take %.0f runs\n", g.Decision(), runs, odds.Runs)
	// Output: good after 397 passed runs; 5 % of failures take 60 runs
}
