package aggregate

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// FuzzAnswer reads any answer as that of Prometheus' API: it ends with samples of the time that
// was asked for, of which a stream makes no more batches than there is room for, or with one of
// the failures; and of the answer nothing is repeated.
func FuzzAnswer(f *testing.F) {
	const whole = `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"a","app":"b"},"values":[[1764284385.123,"17"],[1764284400,"1.8e+1"]]}]}}`
	for _, s := range []string{whole, "", "{}", "<html>" + sentinel, `{"status":"error","errorType":"bad_data","error":"` + sentinel + `"}`,
		`{"status":"error","errorType":"` + sentinel + `"}`, `{"status":"success","data":{"resultType":"` + sentinel + `"}}`,
		strings.Replace(whole, "1764284385.123", "0", 1), strings.Replace(whole, "1764284385.123", "99999999999", 1),
		strings.Replace(whole, "1764284385.123", "1e999", 1), strings.Replace(whole, "1764284385.123", "-1", 1), strings.Replace(whole, "17\"", "NaN\"", 1),
		strings.Replace(whole, "17\"", sentinel+"\"", 1), strings.Replace(whole, "17\"", "1e308\"", 1), strings.Replace(whole, "17\"", "-Inf\"", 1),
		strings.Replace(whole, `[1764284385.123,"17"]`, `[]`, 1), strings.Replace(whole, `[1764284385.123,"17"]`, `null`, 1), strings.Replace(whole, `"b"`, `null`, 1),
	} {
		f.Add(200, s)
	}
	f.Add(400, `{"errorType":"bad_data","error":"`+sentinel+`"}`)
	f.Add(302, "<a href="+sentinel+">")
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 999 {
			return // net/http lets none of them through
		}
		api := apiOf(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, body)
		})
		at, back := time.UnixMilli(1764284400250), 5*time.Minute
		answer, err := api.Read(t.Context(), "a", at, back)
		if err != nil {
			var failed *QueryError
			if !errors.As(err, &failed) || answer.Series != nil || failed.Failure != FailureStatus && failed.Failure != FailureBadResponse {
				t.Fatalf("%v and the error %#v", answer, err)
			}
			if strings.Contains(err.Error(), sentinel) {
				t.Fatalf("it repeats the answer: %v", err)
			}
			return
		}
		holdStream(t, answer.Series, at, back)
	})
}

const sentinel = "qX7vZk93"

// holdStream has what was read counted.
func holdStream(t *testing.T, all []Series, at time.Time, back time.Duration) {
	t.Helper()
	const width = 15 * time.Second
	stream, samples := NewStream(width), 0
	for _, s := range all {
		for _, sample := range s.Samples {
			if sample.At.After(at) || at.Sub(sample.At) > back {
				t.Fatalf("a sample of %v, asked for at %v", sample.At, at)
			}
			stream.Add(Runs, Source{}.key(s.Labels), Source{Place: []string{"app"}}.place(s.Labels), sample)
			samples++
		}
	}
	if n := uint64(samples); stream.samples > n || stream.resets > n {
		t.Fatalf("%d increases, %d resets of %d samples", stream.samples, stream.resets, n)
	}
	batches := stream.Close(at.Add(width))
	if most := int(back/width) + 2; len(batches) > most {
		t.Fatalf("%d batches, want %d at the most", len(batches), most)
	}
	for _, b := range batches {
		if b.Passed < 0 || b.Failed != 0 || b.Runs() < 1 || b.From.After(b.To) {
			t.Fatalf("a batch %+v", b)
		}
	}
}

// FuzzParseSource reads any two texts as queries: what is read is selectors and labels, which
// read as the same again.
func FuzzParseSource(f *testing.F) {
	for _, s := range [][2]string{
		{"a", "b"}, {`logins_total{app="retail"}`, `logins_failed_total{app="retail"}`}, {"sum by (app, b) (a)", "sum(b) by (b,app)"}, {"sum(a)", "sum by () (b)"},
		{`a{b="}"}`, `a{b='\''}`}, {"a[5m]", "rate(a)"}, {"sum by (1) (a)", "b"}, {`a{b="c"} or x`, "b"}, {"a{", "b"}, {"sum by (a,,a) (b)", "sum by (a) (c)"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, runs, failures string) {
		s, err := ParseSource(runs, failures)
		if err != nil {
			return
		}
		if strings.ContainsAny(s.Runs+s.Failures, "()[]") && !strings.ContainsAny(s.Runs+s.Failures, "\"'`") {
			t.Fatalf("%q and %q are no selectors", s.Runs, s.Failures)
		}
		by := "sum by (" + strings.Join(s.By, ",") + ") "
		again, err := ParseSource(by+"("+s.Runs+")", by+"("+s.Failures+")")
		if err != nil || again.Runs != s.Runs || again.Failures != s.Failures || strings.Join(again.By, ",") != strings.Join(s.By, ",") {
			t.Fatalf("%+v is read as %+v, %v", s, again, err)
		}
	})
}
