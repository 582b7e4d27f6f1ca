package checks

import (
	"testing"
	"time"
)

// FuzzFrequency reads any text as a length of time, and as how often something is: neither is
// below zero, and what is written of it is read as the same.
func FuzzFrequency(f *testing.F) {
	for _, s := range []string{"", "10s", "300ms", "1h30m", "30d", "1d12h", "0.5d", "-1s", "1d-1h", "36500d2000000h", "1e5d", "NaNd", "Infd", "9223372036854775807ns", "2562047h47m16.854775807s",
		"6 per minute", "1 per 30d", "999999999 per second", "0 per day", "1 per 0s", "1 per 36500d2000000h", "1  per\thour", "٣ per minute", "1 per", "d", "1dd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const most = 36500 * 24 * time.Hour
		if d, err := parseDuration(text); err == nil {
			again, err := parseDuration(d.String())
			if d < 0 || d > most || err != nil || again != d {
				t.Fatalf("%q is %v, which is read as %v, %v", text, d, again, err)
			}
		}
		if v, err := ParseFrequency(text); err == nil && (v.Count < 1 || v.Per <= 0 || v.Per > most) {
			t.Fatalf("%q is %+v", text, v)
		}
	})
}
