package detect

import (
	"math"
	"testing"
)

func TestFigures(t *testing.T) {
	tests := []struct {
		x      float64
		digits int
		want   string
	}{
		{0, 3, "0"}, {1, 3, "1"}, {12.54, 3, "12.5"}, {99.96, 3, "100"}, {1234, 3, "1230"}, {1234567, 3, "1230000"},
		{0.0416666, 3, "0.0417"}, {7.7e-05, 2, "0.000077"}, {1e-7, 6, "0.0000001"}, {0.1 + 0.2, 6, "0.3"}, {-2.55, 1, "-3"},
		{math.MaxFloat64, 1, "179769313486231570" + zeros(291)}, {math.Inf(1), 2, "+Inf"}, {math.NaN(), 2, "NaN"},
	}
	for _, tt := range tests {
		if got := Figures(tt.x, tt.digits); got != tt.want {
			t.Errorf("%v to %d digits: got %s, want %s", tt.x, tt.digits, got, tt.want)
		}
	}
}

func zeros(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '0'
	}
	return string(b)
}
