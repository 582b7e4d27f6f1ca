package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

func TestParseTime(t *testing.T) {
	tests := map[string]time.Time{
		"0":                                   time.Unix(0, 0),
		"1763633050":                          time.Unix(1763633050, 0),
		"1763633050.25":                       time.Unix(1763633050, 250_000_000),
		"99999999999.999999999":               time.Unix(99999999999, 999_999_999),
		"1970-01-01T00:00:00Z":                time.Unix(0, 0),
		"2024-02-29T23:59:59.5Z":              time.Date(2024, 2, 29, 23, 59, 59, 500_000_000, time.UTC),
		"2000-02-29T00:00:00+00:00":           time.Date(2000, 2, 29, 0, 0, 0, 0, time.UTC),
		"2026-11-20T11:04:10+01:00":           time.Date(2026, 11, 20, 10, 4, 10, 0, time.UTC),
		"2026-11-20T00:04:10.123456789-09:30": time.Date(2026, 11, 20, 9, 34, 10, 123_456_789, time.UTC),
		"0000-01-01T00:00:00Z":                time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC),
		"9999-12-31T23:59:59Z":                time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		// Small letters, leap seconds (the last is of RFC 3339, section 5.8), and clocks
		// that say more than a nanosecond.
		"2026-11-20t10:04:10z":            time.Date(2026, 11, 20, 10, 4, 10, 0, time.UTC),
		"2026-11-20t11:04:10.5+01:00":     time.Date(2026, 11, 20, 10, 4, 10, 500_000_000, time.UTC),
		"2016-12-31T23:59:60.25Z":         time.Date(2017, 1, 1, 0, 0, 0, 250_000_000, time.UTC),
		"1990-12-31T15:59:60-08:00":       time.Date(1991, 1, 1, 0, 0, 0, 0, time.UTC),
		"1763633050.1234567899":           time.Unix(1763633050, 123_456_789),
		"1763633050.00000000000000000001": time.Unix(1763633050, 0),
		"2026-11-20T10:04:10.9999999999Z": time.Date(2026, 11, 20, 10, 4, 10, 999_999_999, time.UTC),
	}
	for text, want := range tests {
		if got, err := parseTime([]byte(text)); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v, want %v", text, got.UTC(), err, want)
		}
	}
	for _, text := range []string{
		"", "-1", "+1", "1.", ".5", "1e9", "1 ", " 1", "1763633050000", "100000000000", "9999999999999999999", "1.1234567890x",
		"2026-11-20", "2026-11-20T10:04:10", "2026-11-20 10:04:10Z", "2026-11-20u10:04:10Z", "2026-11-20T10:04Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
		"2026-11-20T24:00:00Z", "2026-11-20T10:60:00Z", "2026-11-20T10:00:60Z", "2016-12-31T23:59:61Z", "2016-12-31T23:59:60+01:00", "2026-11-20T10:04:10.Z",
		"2026-11-20T10:04:10+1:00", "2026-11-20T10:04:10+24:00", "2026-11-20T10:04:10+01:60", "2026-11-20T10:04:10+01:00x",
		"2026-11-2/T10:04:10Z", "2026-11-2:T10:04:10Z", "٢026-11-20T10:04:10Z",
	} {
		if got, err := parseTime([]byte(text)); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

// Every day of four hundred years, in every hour of a day: the calendar repeats
// itself after that.
func TestParseTimeCalendar(t *testing.T) {
	for at := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2301; at = at.Add(25*time.Hour + 61*time.Second) {
		text := at.AppendFormat(nil, time.RFC3339Nano)
		if got, err := parseTime(text); err != nil || !got.Equal(at) {
			t.Fatalf("%s: got %v, %v", text, got.UTC(), err)
		}
	}
}

// What is accepted, package time accepts too, and as the same time, but for small
// letters and leap seconds.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-11-20T10:04:10Z", "2024-02-29T23:59:59.123456789+01:30", "1763633050.25", "0000-00-00T00:00:00Z",
		"1990-12-31t15:59:60.1234567891-08:00", "2026-11-20t10:04:10z"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		got, err := parseTime(s)
		if err != nil || len(s) < 11 || s[4] != '-' {
			return
		}
		const second = len("0000-00-00T00:00:")
		text, leap := strings.ToUpper(string(s)), time.Duration(0)
		if text[second] == '6' {
			text, leap = text[:second]+"59"+text[second+2:], time.Second
		}
		if want, err := time.Parse(time.RFC3339Nano, text); err != nil || !got.Equal(want.Add(leap)) {
			t.Errorf("%q: got %v, package time has %v, %v", s, got.UTC(), want.Add(leap), err)
		}
	})
}

// Lines that are too long, without an end, or beyond what is kept in memory.
func TestOutcomeReader(t *testing.T) {
	long := strings.Repeat("x", 3*longestLine)
	r := newOutcomeReader(strings.NewReader("\ufefftime,outcome\r\n1,passed\r\n" + long + "\n2,failed,a=" + long[:1000] + "\n3,passed," + long))
	var got []string
	var run recorded
	for {
		err := r.next(&run)
		if err == io.EOF {
			break
		}
		var bad *badLine
		if errors.As(err, &bad) {
			got = append(got, bad.Error())
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %d %s %d", run.text, run.at.Unix(), run.outcome, len(run.tags["a"])))
	}
	want := []string{"1 1 passed 0", "line 3: it is longer than 65536 bytes", "2 2 failed 1000", "line 5: it is longer than 65536 bytes"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A line without a tag that has a value is one without tags, and a header is one in
// whatever letters.
func TestOutcomeReaderTags(t *testing.T) {
	tests := map[string]int{
		"1,passed": 0, "1,passed,": 0, "1,passed,,": 0, "1,passed,a=": 0, "1,passed,a=,": 0,
		"1,passed,a=b,": 1, "1,passed,,a=b": 1, "1,passed,a=b,,c=d": 2,
	}
	for line, want := range tests {
		for _, header := range []string{"", "time,outcome\n", "Time,Outcome,Backend\r\n", "TIME,OUTCOME,\n"} {
			var run recorded
			if err := newOutcomeReader(strings.NewReader(header + line)).next(&run); err != nil || len(run.tags) != want || (run.tags == nil) != (want == 0) {
				t.Errorf("%q: got %v, %v, want %d tags", header+line, run.tags, err, want)
			}
		}
	}
	for _, line := range []string{"time,outcomes", "time,outcom", "time;outcome", "1,Passed", "1,passed,a"} {
		var run recorded
		if err := newOutcomeReader(strings.NewReader(line)).next(&run); err == nil {
			t.Errorf("%q: got %+v, want an error", line, run)
		}
	}
}

// However many values a tag has, few are kept.
func TestOutcomeReaderForgets(t *testing.T) {
	var in strings.Builder
	for i := range 3 * mostKnown {
		fmt.Fprintf(&in, "%d,passed,trace=%d\n", i, i)
	}
	r := newOutcomeReader(strings.NewReader(in.String()))
	var run recorded
	for i := 0; r.next(&run) == nil; i++ {
		if run.tags["trace"] != fmt.Sprint(i) || len(r.known) > mostKnown {
			t.Fatalf("line %d: got %v, with %d strings kept", i+1, run.tags, len(r.known))
		}
	}
}

// Bad lines beyond the first few are counted alone.
func TestBadLines(t *testing.T) {
	var out strings.Builder
	bad := badLines{w: &out}
	b := newBacktest(backtested(), backtested().Objective.Params(10*time.Second), func(*stateChange) error { return nil })
	if err := b.read(t.Context(), strings.NewReader(strings.Repeat("x\n", 100)), &bad); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != mostBadLines || bad.err().Error() != "100 bad lines left out" {
		t.Errorf("got %d lines and %v", n, bad.err())
	}
}

func backtested() *prober.Check {
	return &prober.Check{Name: "a", Schedule: prober.Schedule{Every: 10 * time.Second}, Objective: detect.DefaultObjective}
}

// BenchmarkBacktest reports how many lines a second go through parser and detector.
func BenchmarkBacktest(b *testing.B) {
	formats := map[string]func([]byte, time.Time) []byte{
		"unix":    func(to []byte, at time.Time) []byte { return fmt.Appendf(to, "%d", at.Unix()) },
		"rfc3339": func(to []byte, at time.Time) []byte { return at.AppendFormat(to, time.RFC3339) },
	}
	for name, format := range formats {
		for _, tags := range []string{"", ",release=2026.11.3,backend=b3"} {
			b.Run(name+map[bool]string{true: "-tags"}[tags != ""], func(b *testing.B) {
				const lines = 200_000
				var in []byte
				at := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
				for i := range lines {
					in = format(in, at)
					if i%2000 == 0 {
						in = append(in, ",failed"+tags+"\n"...)
					} else {
						in = append(in, ",passed"+tags+"\n"...)
					}
					at = at.Add(10 * time.Second)
				}
				b.ReportAllocs()
				for b.Loop() {
					t := newBacktest(backtested(), backtested().Objective.Params(10*time.Second), func(*stateChange) error { return nil })
					if err := t.read(b.Context(), bytes.NewReader(in), &badLines{w: io.Discard}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
			})
		}
	}
}

// A line as other programs write CSV is told apart from one with a wrong time.
func TestQuotedOutcome(t *testing.T) {
	lines := newOutcomeReader(strings.NewReader("\"time\",\"outcome\"\n\"1763633050\",\"passed\"\n1763633050,passed\n"))
	var run recorded
	for _, want := range []string{
		"line 1: it begins with a quote: fields are not quoted, want time,outcome",
		"line 2: it begins with a quote: fields are not quoted, want time,outcome",
	} {
		if err := lines.next(&run); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := lines.next(&run); err != nil {
		t.Error(err)
	}
}
