package remember

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
)

const wellFormed = `{"version":1,"pool":"retail","account":"ann","values":{"n":{"since":"2026-03-01T12:00:00.5Z","value":7}}}`

func TestEncode(t *testing.T) {
	a, values, err := decode([]byte(wellFormed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := encode(a, values)
	if err != nil || string(text) != wellFormed+"\n" {
		t.Errorf("got %s and %v", text, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := map[string]struct{ old, new, want string }{
		"nothing":          {wellFormed, "", "it stops being JSON at byte 0"},
		"half":             {`,"value":7}}}`, "", "it stops being JSON at byte 92"},
		"zeros":            {wellFormed, strings.Repeat("\x00", 100), "it stops being JSON at byte 1"},
		"more":             {"7}}}", "7}}} {}", "it stops being JSON at byte 107"},
		"no object":        {wellFormed, "[]", "there is no object where one should be"},
		"null":             {wellFormed, "null", "there is no object where one should be"},
		"version":          {`"version":1`, `"version":2`, "it is not of version 1"},
		"version, text":    {`"version":1`, `"version":"sesame"`, "it is not of version 1"},
		"no version":       {`"version":1,`, ``, "its version is missing"},
		"unknown":          {`"version":1`, `"version":1,"sesame":2`, "it has a member that is unknown"},
		"another case":     {`"version"`, `"Version"`, "its version is missing"},
		"twice":            {`"version":1`, `"version":1,"version":1`, "a member is there twice"},
		"value twice":      {`"n":`, `"n":{"since":"2026-03-01T12:00:00Z","value":6},"n":`, "a member is there twice"},
		"pool, null":       {`"retail"`, `null`, "it does not say whose it is"},
		"no account":       {`"ann"`, `""`, "it does not say whose it is"},
		"values, null":     {`{"n":{"since":"2026-03-01T12:00:00.5Z","value":7}}`, "null", "there is no object where one should be"},
		"no value":         {`,"value":7`, "", "its value is missing"},
		"no time":          {`"since":"2026-03-01T12:00:00.5Z",`, "", "its since is missing"},
		"time":             {`2026-03-01T12:00:00.5Z`, "sesame", "the time of a value is not one of RFC 3339"},
		"time, year -1":    {`2026-03-01T12:00:00.5Z`, "0000-01-01T00:00:00+01:00", "of a value, its time is beyond what RFC 3339 can write"},
		"time, null":       {`"2026-03-01T12:00:00.5Z"`, "null", "the time of a value is not one of RFC 3339"},
		"empty name":       {`"n"`, `""`, "of a value: want a name that is not empty"},
		"no UTF-8":         {`"n"`, "\"\xff\"", "it is not valid UTF-8"},
		"too large":        {`:7}`, `:"` + strings.Repeat("sesame", MaxSize/6+1) + `"}`, "of a value, it has more than 65536 bytes"},
		"too many":         {`"n":`, manyValues(MaxValues) + `,"n":`, "more than 100 values of one account"},
		"nested too deep":  {`:7}`, ":" + strings.Repeat("[", 20000) + "}", "it stops being JSON at byte 10099"},
		"sesame, no JSON":  {`:7}`, ":sesame}", "it stops being JSON at byte 102"},
		"value of unknown": {`"value":7`, `"value":7,"sesame":1`, "it has a member that is unknown"},
	}
	for name, test := range tests {
		text := strings.Replace(wellFormed, test.old, test.new, 1)
		if text == wellFormed {
			t.Errorf("%s: the text is as before", name)
		}
		_, _, err := decode([]byte(text))
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func manyValues(n int) string {
	var all []string
	for i := range n {
		all = append(all, `"v`+string(rune('0'+i/10))+string(rune('0'+i%10))+`":{"since":"2026-03-01T12:00:00Z","value":null}`)
	}
	return strings.Join(all, ",")
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(wellFormed))
	f.Add([]byte(`{"version":1,"pool":"é","account":"\ud800","values":{}}`))
	f.Add([]byte(`{"version":1,"pool":"p","account":"a","values":{"\u2028<":{"value":[1e400," \u0000"],"since":"9999-12-31T23:59:59.999999999-23:59"}}}`))
	f.Add([]byte(wellFormed[:60]))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, values, err := decode(text)
		if err != nil {
			return
		}
		once, err := encode(a, values)
		if err != nil {
			t.Fatal(err)
		}
		again, back, err := decode(once)
		if err != nil || again != a || !slices.Equal(slices.Sorted(maps.Keys(values)), slices.Sorted(maps.Keys(back))) {
			t.Fatalf("what was written is not read: %v\n%s", err, once)
		}
		for name, v := range values {
			if b := back[name]; !b.JSON.Equal(v.JSON) || b.Since != v.Since {
				t.Fatalf("the value %q has changed", name)
			}
		}
		if twice, err := encode(again, back); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("written again, it is\n%s, not\n%s", twice, once)
		}
	})
}

func FuzzEscape(f *testing.F) {
	f.Add("retail-1", "Retail-1")
	f.Add("..", ".")
	f.Add("con", "%63on")
	f.Add(strings.Repeat("é", 200), strings.Repeat("É", 200))
	f.Fuzz(func(t *testing.T, one, other string) {
		e, o := escape(one), escape(other)
		if (e == o) != (one == other) {
			t.Fatalf("%q and %q are %q and %q", one, other, e, o)
		}
		for _, name := range []string{e, o} {
			if len(name) > maxEscaped || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_%~") != "" || device.MatchString(name) {
				t.Fatalf("%q is no file name for everywhere", name)
			}
		}
	})
}
