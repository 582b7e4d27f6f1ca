package jsonvalue

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// trim is what of a whole value a part of it is.
func trim(v any, wanted *Part) any {
	switch {
	case wanted == nil:
		return nil
	case wanted.whole:
		return v
	}
	switch v := v.(type) {
	case []any:
		return make([]any, len(v))
	case map[string]any:
		kept := map[string]any{}
		for name, value := range v {
			if part := wanted.of(name); part != nil || wanted.size {
				kept[name] = trim(value, part)
			}
		}
		return kept
	}
	return v
}

func TestDecodePart(t *testing.T) {
	const text = `{"a": {"b": [1, {"c": 2}], "d": "x"}, "a\u0062": 3, "e": [true, [false], {"f": null}], "g": {"h": 1, "i": 2, "h": 3}, "a": {"b": [4, 5, -6e1]}}`
	for _, tc := range []struct {
		wanted *Part
		want   any
	}{
		{nil, nil},
		{Of([]string{"a", "b"}, false), map[string]any{"a": map[string]any{"b": []any{4, 5, -60.0}}}},
		{Of([]string{"a", "b"}, true), map[string]any{"a": map[string]any{"b": []any{nil, nil, nil}}}},
		{Of([]string{"a", "d"}, false), map[string]any{"a": map[string]any{}}},
		{Of([]string{"ab"}, false), map[string]any{"ab": 3}},
		{Of([]string{"e"}, true), map[string]any{"e": []any{nil, nil, nil}}},
		{Of([]string{"e", "f"}, false), map[string]any{"e": []any{nil, nil, nil}}},
		{Of([]string{"g"}, true), map[string]any{"g": map[string]any{"h": nil, "i": nil}}},
		{Of(nil, true), map[string]any{"a": nil, "ab": nil, "e": nil, "g": nil}},
		{Of([]string{"z"}, false), map[string]any{}},
		{Of([]string{"g"}, true).And(Of([]string{"g", "h"}, false)).And(Of([]string{"ab", "c"}, true)),
			map[string]any{"ab": 3, "g": map[string]any{"h": 3, "i": nil}}},
	} {
		got, err := DecodePart([]byte(text), tc.wanted)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("error %v, -want +got:\n%s", err, diff)
		}
	}
}

func TestPartCovers(t *testing.T) {
	a, ab, size, both := Of([]string{"a"}, false), Of([]string{"a", "b"}, false), Of([]string{"a"}, true), Of([]string{"a", "b"}, false).And(Of([]string{"a"}, true))
	for _, tc := range []struct {
		part, other *Part
		want        bool
	}{
		{nil, nil, true}, {nil, a, false}, {a, nil, true}, {Whole, a, true}, {a, Whole, false}, {Whole, Whole, true},
		{a, ab, true}, {ab, a, false}, {a, size, true}, {size, a, false}, {ab, size, false}, {size, ab, false},
		{both, ab, true}, {both, size, true}, {both, a, false}, {a, both, true}, {ab, Of([]string{"b"}, false), false},
		{Of(nil, true), ab, false}, {ab, Of(nil, true), false}, {ab, Of([]string{"a", "b"}, false), true},
	} {
		if got := tc.part.Covers(tc.other); got != tc.want {
			t.Errorf("%+v covers %+v: got %t", tc.part, tc.other, got)
		}
		if and := tc.part.And(tc.other); !and.Covers(tc.part) || !and.Covers(tc.other) {
			t.Errorf("%+v and %+v is neither: %+v", tc.part, tc.other, and)
		}
	}
}

// What is not wanted costs no allocation.
func TestDecodePartAllocates(t *testing.T) {
	text := []byte(`{"skipped": [{"a": "x", "b": [1.5, true, null, "\u0061"]}], "kept": "yes"}`)
	wanted := Of([]string{"kept"}, false)
	if got := testing.AllocsPerRun(100, func() { _, _ = DecodePart(text, wanted) }); got > 4 { // a map, its members, and a text in an interface
		t.Errorf("got %v allocations", got)
	}
}
