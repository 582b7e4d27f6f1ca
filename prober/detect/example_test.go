package detect_test

import (
	"fmt"
	"time"

	"github.com/authprober/authprober/prober/detect"
)

// A check runs every ten seconds. After an hour, every fourth run fails.
func Example() {
	every := 10 * time.Second
	d := detect.New(detect.DefaultObjective.Params(every))
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for run := range 400 {
		at = at.Add(every)
		failed := run > 360 && run%4 == 0
		if j := d.Observe(at, failed); j.Changed() {
			fmt.Printf("%s %v, evidence %.2f\n", at.Format("15:04:05"), j.After, d.Evidence())
		}
	}
	fmt.Printf("failing since about %s\n", d.ChangePoint().Format("15:04:05"))
	// Output:
	// 10:01:30 suspect, evidence 0.36
	// 10:02:10 firing, evidence 58.89
	// failing since about 10:00:50
}

func ExampleWilson() {
	i := detect.Wilson(12, 400)
	fmt.Printf("12 of 400 runs failed: 3.0 %% [%.1f, %.1f]\n", 100*i.Lower, 100*i.Upper)
	// Output: 12 of 400 runs failed: 3.0 % [1.7, 5.2]
}
