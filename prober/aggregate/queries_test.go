package aggregate

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestQueries: what is read by several queries is what is read at once, and where one of them fails nothing is
// lost or counted twice.
func TestQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		whole, some := aggregatorOf(f, nil), aggregatorOf(f, nil)
		some.o.Source.Queries = []Query{{"runs", "nothing"}, {"nothing", "failures"}}
		asked := 0
		some.o.API = apiOf(func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked == 2 || asked == 7 || asked == 12 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			f.ServeHTTP(w, r)
		})
		instances(f, 240, func(i int) float64 { return float64(i % 40 / 39) })
		time.Sleep(time.Minute)
		if err := whole.Poll(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		failed := 0
		for some.Poll(t.Context(), time.Now()) != nil {
			if failed++; failed > 20 {
				t.Fatal("it never ends")
			}
		}
		want, got := stand(whole, time.Now()), stand(some, time.Now())
		if failed == 0 || want.Status.Counts.Failed == 0 || got.Status.Counts != want.Status.Counts || got.Status.Evidence != want.Status.Evidence {
			t.Errorf("after %d failures: got %+v, want %+v", failed, got, want)
		}
	})
}

// TestReplayReadsOnce: what is long past is read once, however little is read at once.
func TestReplayReadsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		instances(f, 480, func(int) float64 { return 0 })
		a := aggregatorOf(f, nil)
		a.o.Source.Queries = make([]Query, 40)
		a.o.Source.Queries[39] = Query{"runs", "failures"}
		if a.begin(time.Now()); a.chunk != 6*time.Minute {
			t.Errorf("40 queries are read %v at once, want 6m", a.chunk)
		}
		if err := a.Poll(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		var asked time.Duration
		for _, back := range f.asked {
			asked += back
		}
		if asked /= 80; asked > a.o.Replay+10*time.Minute {
			t.Errorf("of %v it asked for %v", a.o.Replay, asked)
		}
		if got := a.Standings(time.Now())[0].Status.Counts.Passed; got < 2100 {
			t.Errorf("%d runs, want those of two hours", got)
		}
	})
}

// TestSamplesAreCheap: a sample of an answer costs next to no allocation, of which a fleet has millions.
func TestSamplesAreCheap(t *testing.T) {
	text := []byte(`{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1764284400.001,"17"]` +
		strings.Repeat(`,[1764284400.001,"17"]`, 999) + `]}]}}`)
	if got := testing.AllocsPerRun(10, func() {
		if answer, err := parse(text); err != nil || len(answer.Series[0].Samples) != 1000 {
			t.Fatal(err)
		}
	}); got > 100 {
		t.Errorf("a thousand samples are %v allocations, want 100 at the most", got)
	}
}

// TestSamples: every way in which JSON may be written is read, and what is no pair of a time and a value is not.
func TestSamples(t *testing.T) {
	one := Sample{time.UnixMilli(1764284400123), 17}
	for _, test := range []struct {
		text string
		want []Sample // nil for an error
	}{
		{`[[1764284400.123,"17"]]`, []Sample{one}},
		{"[ [ 1764284400.123 ,\n\"1.7e1\" ] , [1.764284400123e9,\"17\"] ]", []Sample{one, one}},
		{`[]`, []Sample{}}, {`null`, []Sample{}},
		{`[[1,"1"],[]]`, nil}, {`[[1,"1"],2]`, nil}, {`[["1",2]]`, nil}, {`[["1","2"]]`, nil}, {`[[1,"]"]]`, nil}, {`[[1,"2",3]]`, nil}, {`[[1,[2]]]`, nil},
		{`[[[1,"2"]]]`, nil}, {`[[null,"2"]]`, nil}, {`[[-1,"2"]]`, nil}, {`[[1e12,"2"]]`, nil}, {`[[1,"1e999"]]`, nil}, {`[{"[":"]"}]`, nil}, {`{}`, nil}, {`"[]"`, nil},
	} {
		var got samples
		err := json.Unmarshal([]byte(test.text), &got)
		if (err == nil) != (test.want != nil) || err == nil && !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, %v, want %v", test.text, got, err, test.want)
		}
	}
}
