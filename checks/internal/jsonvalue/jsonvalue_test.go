package jsonvalue

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestDecode(t *testing.T) {
	for _, tc := range []struct {
		text string
		want any // an error is what it says
	}{
		{`null`, nil},
		{` [true, false ,null]` + "\r\n\t", []any{true, false, nil}},
		{`[]`, []any{}},
		{`{ }`, map[string]any{}},
		{`{"a": {"a": [{"a": 1}]}, "b": []}`, map[string]any{"a": map[string]any{"a": []any{map[string]any{"a": 1}}}, "b": []any{}}},
		{`{"a": 1, "a": {"b": 2}, "\u0061": 3}`, map[string]any{"a": 3}},
		{`"\"\\\/\b\f\n\r\t\u00e9\ud83d\uDE00é"`, "\"\\/\b\f\n\r\té😀é"},
		{`["\ud83d", "\ude00x", "\ud83d\u0041", "\ud83d\n"]`, []any{"\ufffd", "\ufffdx", "\ufffdA", "\ufffd\n"}},
		{`[0, -0, -12, 9223372036854775807, 9223372036854775808]`, []any{0, 0, -12, 9223372036854775807, "9223372036854775808"}},
		{`[0.5, 1e2, 1E+2, 25e-1, 1e999, -0.0e0]`, []any{0.5, 100.0, 100.0, 2.5, "1e999", negativeZero()}},

		{``, errEnd},
		{` `, errEnd},
		{`[1, `, errEnd},
		{`{"a"`, errEnd},
		{`{"a": "b\`, errEnd},
		{`"\u12`, errEnd},
		{`tru`, errEnd},
		{`-`, errEnd},
		{`1.`, errEnd},
		{`1e+`, errEnd},
		{strings.Repeat("[", mostNested), errEnd},
		{strings.Repeat("[", mostNested+1), errSyntax},
		{`trux`, errSyntax},
		{`[1 2]`, errSyntax},
		{`[1,]`, errSyntax},
		{`{"a": 1,}`, errSyntax},
		{`{a: 1}`, errSyntax},
		{`{"a" 1}`, errSyntax},
		{`'a'`, errSyntax},
		{`"\x"`, errSyntax},
		{`"\u12g4"`, errSyntax},
		{"\"a\nb\"", errSyntax},
		{`.5`, errSyntax},
		{`+1`, errSyntax},
		{`1.x`, errSyntax},
		{`01`, errFollows},
		{`{} {}`, errFollows},
		{"{}\x00", errFollows},
		{"\"\xff\"", errUTF8},
	} {
		got, err := Decode([]byte(tc.text))
		if want, isError := tc.want.(error); isError {
			if err != want {
				t.Errorf("%.40q: got %v and error %v, want error %v", tc.text, got, err, want)
			}
			continue
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%q: error %v, -want +got:\n%s", tc.text, err, diff)
		}
	}
}

func negativeZero() float64 { f, _ := strconv.ParseFloat("-0", 64); return f }

// A text is kept by nothing that was read from it.
func TestDecodeKeepsNothing(t *testing.T) {
	text := []byte(`{"name": ["value", "1\u0031", 18446744073709551616]}`)
	got, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	clear(text)
	if diff := cmp.Diff(map[string]any{"name": []any{"value", "11", "18446744073709551616"}}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// encoding/json reads the same, and errs where Decode does.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		`{"a": [1, -2.5e3, "x\u00e9\ud83d\ude00", true, false, null, {"a": {}}], "a": ""}`, `"\ud83d\u0041"`, `01`, `[1,]`, "{}\n", `tru`, `"\`, `1e5 `, `-`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Decode(text)
		want, wantErr := decodeSlowly(text)
		if diff := cmp.Diff(want, got); diff != "" || err != wantErr {
			t.Errorf("%q: got error %v, want %v; -want +got:\n%s", text, err, wantErr, diff)
		}
		for _, wanted := range []*Part{nil, Of(nil, true), Of([]string{"a"}, false), Of([]string{"a", "a"}, true).And(Of([]string{"a", ""}, false))} {
			part, err := DecodePart(text, wanted)
			if diff := cmp.Diff(trim(want, wanted), part); diff != "" || err != wantErr {
				t.Errorf("%q, in part: got error %v, want %v; -want +got:\n%s", text, err, wantErr, diff)
			}
		}
	})
}

// decodeSlowly is Decode by way of encoding/json.
func decodeSlowly(text []byte) (any, error) {
	if !utf8.Valid(text) {
		return nil, errUTF8
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	switch err := dec.Decode(&v); err {
	case nil:
	case io.EOF, io.ErrUnexpectedEOF:
		return nil, errEnd
	default:
		return nil, errSyntax
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errFollows
	}
	return slowNumbers(v), nil
}

func slowNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return int(i)
		}
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			return f
		}
		return v.String()
	case map[string]any:
		for key, value := range v {
			v[key] = slowNumbers(value)
		}
	case []any:
		for i, value := range v {
			v[i] = slowNumbers(value)
		}
	}
	return v
}

func BenchmarkDecode(b *testing.B) {
	text := []byte(`[` + strings.Repeat(`{"id": "a1", "name": "Current account", "balance": 1200.5, "open": true}, `, 1300) + `0]`)
	b.Run("this", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Decode(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if err := json.Unmarshal(text, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
