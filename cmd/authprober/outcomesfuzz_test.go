package main

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// FuzzOutcomes reads any text as recorded outcomes: each line is a run, a bad line with
// its number or nothing, and what is read is one of the outcomes.
func FuzzOutcomes(f *testing.F) {
	for _, s := range []string{
		"time,outcome\n1763633050.25,passed\n1763633051,failed,backend=b3,release=1\n", "\ufeff2026-11-20T10:04:10Z,errored\r\n\r\n",
		"1,aborted,a=b,a=c\n", "1,passed,=x\n", "x,passed\n1,failed\n", "1,passed,tag=" + strings.Repeat("x", longestLine), "\n\n\n", "1,", ",", "1,passed,a",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		reader, lines := newOutcomeReader(strings.NewReader(text)), strings.Count(text, "\n")+1
		for n := 0; ; n++ {
			var run recorded
			err := reader.next(&run)
			var bad *badLine
			switch {
			case err == io.EOF:
				return
			case errors.As(err, &bad):
				if bad.line < 1 || bad.line > lines {
					t.Fatalf("line %d of %d", bad.line, lines)
				}
			case err != nil:
				t.Fatal(err)
			case run.outcome != "passed" && run.outcome != "failed" && run.outcome != "errored" && run.outcome != "aborted":
				t.Fatalf("an outcome of %q", run.outcome)
			case len(run.text) == 0:
				t.Fatal("a run of no time")
			}
			if n > lines {
				t.Fatalf("more runs than %d lines", lines)
			}
		}
	})
}
