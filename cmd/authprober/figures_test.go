package main

import "testing"

func TestPaced(t *testing.T) {
	for anHour, want := range map[float64]string{
		360: "360 runs an hour", 1: "1 run an hour", 12.5: "12.5 runs an hour", 1234.4: "1234 runs an hour", 1.001: "1 run an hour",
		1.0 / 24: "1 run a day", 1.0 / 25: "6.72 runs a week", 0.5: "12 runs a day", 1e-5: "0.00168 runs a week", 7.2e6: "7200000 runs an hour",
	} {
		if got := paced(anHour, "run"); got != want {
			t.Errorf("%v: got %s, want %s", anHour, got, want)
		}
	}
}

func TestShares(t *testing.T) {
	for rate, want := range map[float64][2]string{
		0.001: {"0.1%", "0.1%"}, 1e-9: {"0.0000001%", "0.0000001%"}, 0.0476543: {"4.76543%", "4.8%"}, 7.74e-7: {"0.0000774%", "0.000077%"}, 1: {"100%", "100%"},
	} {
		if got := [2]string{share(rate), share2(rate)}; got != want {
			t.Errorf("%v: got %v, want %v", rate, got, want)
		}
	}
}
