package prober

import "testing"

func TestPercent(t *testing.T) {
	for ratio, want := range map[float64]string{
		0: "0.0%", 1: "100%", 0.123: "12%", 0.0995: "10%", 0.031: "3.1%", 0.001: "0.1%", 0.0004: "0.04%", 7.7e-7: "0.000077%",
	} {
		if got := percent(ratio); got != want {
			t.Errorf("%v: got %s, want %s", ratio, got, want)
		}
	}
}
