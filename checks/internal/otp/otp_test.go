package otp_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/checks/internal/otp"
)

// RFC 4226 appendix D.
func TestHOTPVectors(t *testing.T) {
	key := []byte("12345678901234567890")
	want := []string{
		"755224", "287082", "359152", "969429", "338314",
		"254676", "287922", "162583", "399871", "520489",
	}
	for counter, code := range want {
		if got := otp.HOTP(key, uint64(counter), 6); got != code {
			t.Errorf("HOTP at counter %d is %s, want %s", counter, got, code)
		}
		if got := otp.HOTP(key, uint64(counter), 0); got != code {
			t.Errorf("HOTP at counter %d with the default of digits is %s, want %s", counter, got, code)
		}
	}
	// The same table's decimal column: the last digits of the truncated number.
	for digits, want := range map[int]string{7: "4755224", 8: "84755224"} {
		if got := otp.HOTP(key, 0, digits); got != want {
			t.Errorf("HOTP with %d digits is %s, want %s", digits, got, want)
		}
	}
}

// The keys of RFC 6238 appendix B: as long as the hash, as its errata say.
func vectorKey(h otp.Hash) []byte {
	length := map[otp.Hash]int{otp.SHA1: 20, otp.SHA256: 32, otp.SHA512: 64}[h]
	return []byte(strings.Repeat("1234567890", 7)[:length])
}

var totpVectors = []struct {
	unix int64
	hash otp.Hash
	code string
}{
	{59, otp.SHA1, "94287082"}, {59, otp.SHA256, "46119246"}, {59, otp.SHA512, "90693936"},
	{1111111109, otp.SHA1, "07081804"}, {1111111109, otp.SHA256, "68084774"}, {1111111109, otp.SHA512, "25091201"},
	{1111111111, otp.SHA1, "14050471"}, {1111111111, otp.SHA256, "67062674"}, {1111111111, otp.SHA512, "99943326"},
	{1234567890, otp.SHA1, "89005924"}, {1234567890, otp.SHA256, "91819424"}, {1234567890, otp.SHA512, "93441116"},
	{2000000000, otp.SHA1, "69279037"}, {2000000000, otp.SHA256, "90698825"}, {2000000000, otp.SHA512, "38618901"},
	{20000000000, otp.SHA1, "65353130"}, {20000000000, otp.SHA256, "77737706"}, {20000000000, otp.SHA512, "47863826"},
}

// RFC 6238 appendix B.
func TestTOTPVectors(t *testing.T) {
	for _, v := range totpVectors {
		at := time.Unix(v.unix, 0)
		if got := otp.TOTP(vectorKey(v.hash), at, otp.Options{Digits: 8, Hash: v.hash}); got != v.code {
			t.Errorf("TOTP at %d with %v is %s, want %s", v.unix, v.hash, got, v.code)
		}
		if got := otp.TOTP(vectorKey(v.hash), at, otp.Options{Hash: v.hash}); got != v.code[2:] {
			t.Errorf("TOTP at %d with %v and 6 digits is %s, want %s", v.unix, v.hash, got, v.code[2:])
		}
	}
}

func TestStep(t *testing.T) {
	for _, c := range []struct {
		at     time.Time
		period time.Duration
		want   uint64
	}{
		{time.Unix(0, 0), 30 * time.Second, 0},
		{time.Unix(29, 999_999_999), 30 * time.Second, 0},
		{time.Unix(30, 0), 30 * time.Second, 1},
		{time.Unix(59, 0), 0, 1},
		{time.Unix(60, 0), time.Minute, 1},
		{time.Unix(20000000000, 0), 30 * time.Second, 0x27bc86aa},
		{time.Unix(-1, 0), 30 * time.Second, 0},
		{time.Time{}, 30 * time.Second, 0},
		{time.Unix(100, 0), time.Millisecond, 0},
		{time.Unix(100, 0), -time.Second, 0},
	} {
		if got := otp.Step(c.at, c.period); got != c.want {
			t.Errorf("Step(%v, %v) = %d, want %d", c.at, c.period, got, c.want)
		}
	}
}

func TestVerify(t *testing.T) {
	key, now := []byte("12345678901234567890"), time.Unix(1234567890, 0)
	step := otp.Step(now, 0)
	for skew := -1; skew <= 3; skew++ {
		for away := -4; away <= 4; away++ {
			code := otp.TOTP(key, now.Add(time.Duration(away)*30*time.Second), otp.Options{})
			got, ok := otp.Verify(key, code, now, skew, otp.Options{})
			want := away >= -max(skew, 0) && away <= max(skew, 0)
			if ok != want {
				t.Errorf("skew %d: a code %d steps away is accepted: %v, want %v", skew, away, ok, want)
			}
			if ok && got != step+uint64(away) {
				t.Errorf("skew %d: a code %d steps away is of step %d, want %d", skew, away, got, step+uint64(away))
			}
		}
	}
	for _, code := range []string{"", "0", "05924", "0005924", "89005924", "005924 ", "٠٠٥٩٢٤", "\xff", strings.Repeat("0", 1<<16)} {
		if _, ok := otp.Verify(key, code, now, 1, otp.Options{}); ok {
			t.Errorf("the code %q is accepted", code)
		}
	}
	if step, ok := otp.Verify(key, "755224", time.Unix(0, 0), 5, otp.Options{}); !ok || step != 0 {
		t.Errorf("at 1970 the code of step 0 gives step %d, %v", step, ok)
	}
}

func TestOptionsCheck(t *testing.T) {
	for _, c := range []struct {
		options otp.Options
		want    string
	}{
		{otp.Options{}, ""},
		{otp.Options{Digits: 8, Period: time.Hour, Hash: otp.SHA512}, ""},
		{otp.Options{Digits: 5}, "one-time code has 5 digits, want 6 to 8"},
		{otp.Options{Digits: 9}, "one-time code has 9 digits, want 6 to 8"},
		{otp.Options{Digits: math.MinInt}, fmt.Sprintf("one-time code has %d digits, want 6 to 8", math.MinInt)},
		{otp.Options{Period: 1500 * time.Millisecond}, "one-time code period is 1.5s, want whole seconds, at least one"},
		{otp.Options{Period: -time.Second}, "one-time code period is -1s, want whole seconds, at least one"},
		{otp.Options{Hash: 3}, "one-time code hash is Hash(3), want SHA1, SHA256 or SHA512"},
	} {
		got := ""
		if err := c.options.Check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.options, got, c.want)
		}
	}
}

func TestParseHash(t *testing.T) {
	for _, h := range []otp.Hash{otp.SHA1, otp.SHA256, otp.SHA512} {
		if got, err := otp.ParseHash(h.String()); err != nil || got != h {
			t.Errorf("ParseHash(%q) = %v, %v", h, got, err)
		}
	}
	if _, err := otp.ParseHash("MD5"); err == nil || err.Error() != `hash "MD5" is none of SHA1, SHA256, SHA512` {
		t.Errorf("ParseHash of MD5: %v", err)
	}
}

func TestDecodeSecret(t *testing.T) {
	want := []byte("12345678901234567890")
	for _, s := range []string{
		"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		"gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
		"  gezd gnbv gy3t qojq gezd gnbv gy3t qojq\r\n",
		"GEZD-GNBV-GY3T-QOJQ-GEZD-GNBV-GY3T-QOJQ",
		"GEZD\u00a0GNBVGY3TQOJQ\tGEZDGNBVGY3TQOJQ",
	} {
		if got, err := otp.DecodeSecret(s); err != nil || !bytes.Equal(got, want) {
			t.Errorf("DecodeSecret(%q) = %q, %v", s, got, err)
		}
	}
	// RFC 4648 section 10, with the padding whole, missing and partly there.
	for s, want := range map[string]string{
		"MY======": "f", "MZXQ====": "fo", "MZXW6===": "foo", "MZXW6YQ=": "foob", "MZXW6YTB": "fooba",
		"MZXW6YTBOI======": "foobar", "my": "f", "mzxq=": "fo", "mzxw6 = = =": "foo",
	} {
		if got, err := otp.DecodeSecret(s); err != nil || string(got) != want {
			t.Errorf("DecodeSecret(%q) = %q, %v, want %q", s, got, err, want)
		}
	}
}

func TestDecodeSecretErrors(t *testing.T) {
	for s, want := range map[string]string{
		"":                                    "one-time code secret is empty",
		" - = \n":                             "one-time code secret is empty",
		"GEZD0NBV":                            "one-time code secret is not base32: character 5 is none of A-Z and 2-7",
		"GE ZD1":                              "one-time code secret is not base32: character 6 is none of A-Z and 2-7",
		"GEZDé":                               "one-time code secret is not base32: character 5 is none of A-Z and 2-7",
		"GEZD\xff":                            "one-time code secret is not base32: character 5 is none of A-Z and 2-7",
		"MY==MY==":                            "one-time code secret is not base32: character 5 comes after padding",
		"GEZDG3":                              "one-time code secret is not base32: 6 characters are no whole number of bytes; one is missing or too many",
		"otpauth://totp/bank?secret=GEZDGNBV": "one-time code secret is not base32: it is a whole otpauth URL, want only its secret parameter",
	} {
		_, err := otp.DecodeSecret(s)
		if err == nil || err.Error() != want {
			t.Errorf("DecodeSecret(%q): %v, want %s", s, err, want)
		}
	}
}

func FuzzDecodeSecret(f *testing.F) {
	for _, s := range []string{"", "GEZDGNBV", "gezd gnbv", "MY======", "0", "otpauth://totp/x", "\xff", "GEZDG3"} {
		f.Add(s)
	}
	const marker = "QXZQXZ" // in no message, so that a secret in one would show
	f.Fuzz(func(t *testing.T, s string) {
		key, err := otp.DecodeSecret(s)
		if err == nil {
			if len(key) == 0 {
				t.Fatalf("%q gave an empty key", s)
			}
			at := time.Unix(1e9, 0)
			if _, ok := otp.Verify(key, otp.TOTP(key, at, otp.Options{}), at, 0, otp.Options{}); !ok {
				t.Fatal("a key's own code is refused")
			}
		}
		if _, err := otp.DecodeSecret(s + marker + "!"); err == nil || strings.Contains(err.Error(), marker) {
			t.Fatalf("%q: error %v", s+marker+"!", err)
		}
	})
}

func BenchmarkTOTP(b *testing.B) {
	key, at := []byte("12345678901234567890"), time.Unix(1234567890, 0)
	for b.Loop() {
		otp.TOTP(key, at, otp.Options{})
	}
}
