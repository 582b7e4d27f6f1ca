package webauthn

import (
	"encoding/hex"
	"strings"
	"testing"
)

// RFC 8949 appendix A, as far as there is something of it here, and the order of
// keys of CTAP2.
func TestCBOR(t *testing.T) {
	for _, tc := range []struct {
		value any
		want  string
	}{
		{0, "00"}, {1, "01"}, {10, "0a"}, {23, "17"}, {24, "1818"}, {25, "1819"}, {100, "1864"}, {1000, "1903e8"},
		{1000000, "1a000f4240"}, {1 << 16, "1a00010000"}, {1<<8 - 1, "18ff"}, {1 << 8, "190100"},
		{-1, "20"}, {-10, "29"}, {-100, "3863"}, {-1000, "3903e7"},
		{[]byte{}, "40"}, {[]byte{1, 2, 3, 4}, "4401020304"},
		{"", "60"}, {"a", "6161"}, {"IETF", "6449455446"}, {"\"\\", "62225c"}, {"\u00fc", "62c3bc"}, {"\u6c34", "63e6b0b4"}, {"\U00010151", "64f0908591"},
		{cborMap{}, "a0"}, {cborMap{{1, 2}, {3, 4}}, "a201020304"},
		{cborMap{{"e", "E"}, {"b", "B"}, {"a", "A"}, {"d", "D"}, {"c", "C"}}, "a56161614161626142616361436164614461656145"},
		{cborMap{{"aa", 1}, {"b", 2}, {-1, 3}, {100, 4}, {24, 7}, {10, 5}, {[]byte{9}, 6}}, "a70a05181807186404200341090661620262616101"},
		{strings.Repeat("x", 300), "79012c" + strings.Repeat("78", 300)},
	} {
		if got := hex.EncodeToString(appendCBOR(nil, tc.value)); got != tc.want {
			t.Errorf("%v: got %s, want %s", tc.value, got, tc.want)
		}
	}
	if got := hex.EncodeToString(appendHead(nil, 0, 1000000000000)); got != "1b000000e8d4a51000" {
		t.Errorf("1000000000000: got %s", got)
	}
	if got := hex.EncodeToString(appendHead(nil, 1, 1<<64-1)); got != "3bffffffffffffffff" {
		t.Errorf("-18446744073709551616: got %s", got)
	}
}
