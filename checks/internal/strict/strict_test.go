package strict

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

type inner struct {
	Name string `yaml:"name,required"`
	N    int    `yaml:"n"`
}

type outer struct {
	inner  `yaml:",inline"`
	Flag   bool              `yaml:"flag"`
	List   []inner           `yaml:"list"`
	Map    map[string]string `yaml:"map"`
	Maybe  *inner            `yaml:"maybe"`
	Unread string
}

func decode(text string) (outer, []string) {
	d := Parse("f.yaml", []byte(text))
	var o outer
	if d.Root != nil {
		d.Decode(d.Root, &o)
	}
	var lines []string
	for _, m := range d.Mistakes.Sort() {
		lines = append(lines, m.String())
	}
	return o, lines
}

func TestDecode(t *testing.T) {
	got, mistakes := decode("name: 007\nn: -3\nflag: True\nlist: [{name: a}, {name: b, n: 2}]\nmap: {x: 1.50, y: &y z, z: *y}\nmaybe: {name: c}\n")
	if mistakes != nil {
		t.Fatal(mistakes)
	}
	want := outer{
		inner: inner{"007", -3}, Flag: true, List: []inner{{"a", 0}, {"b", 2}},
		Map: map[string]string{"x": "1.50", "y": "z", "z": "z"}, Maybe: &inner{Name: "c"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(outer{}, inner{})); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

// Every mistake is found, and none hides another.
func TestMistakesAllAtOnce(t *testing.T) {
	_, got := decode("n: 0x10\nflag: maybe\nlist:\n  - {nmae: a}\n  - b\nmap: [1]\nn: 2\nUnread: x\n")
	want := []string{
		`f.yaml:1:1: the key "name" is missing`,
		`f.yaml:1:4: want a whole number in plain decimal digits, got "0x10"`,
		`f.yaml:2:7: want true or false, got text`,
		`f.yaml:4:5: the key "name" is missing`,
		`f.yaml:4:6: unknown key "nmae"; did you mean name?`,
		`f.yaml:5:5: want a mapping of keys to values, got text`,
		`f.yaml:6:6: want a mapping of keys to values, got a list`,
		`f.yaml:7:1: the key "n" stands twice; it was first set in line 1`,
		`f.yaml:8:1: unknown key "Unread"; the keys here are name, n, flag, list, map, maybe`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"timeout", "expect", "name", "x"}
	for name, want := range map[string]string{
		"timout": "timeout", "tiemout": "timeout", "EXPECT": "expect", "nme": "name", "nothing": "", "y": "", "": "",
	} {
		got := strings.TrimSuffix(strings.TrimPrefix(Nearest(name, known), "; did you mean "), "?")
		if got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func TestInside(t *testing.T) {
	d := Parse("f.yaml", []byte("a: \"größe\"\nb: plain\nc: >-\n  folded\n  text\n"))
	var got [][2]int
	for i := 1; i < len(d.Root.Content); i += 2 {
		line, column := d.Inside(d.Root.Content[i], 4)
		got = append(got, [2]int{line, column})
	}
	// Offset 4 of größe is the byte after ö; a folded text has only its own place.
	if want := [][2]int{{1, 8}, {2, 8}, {3, 4}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{"", "name: a\nlist: [{name: b}]\n", "a: &a [*a]", "<<: {name: x}", "? [a]\n: b", "name: !!binary aGk=", "\xff", "---\n---\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := Parse("f", text)
		if d.Root == nil {
			if len(d.Mistakes) == 0 {
				t.Error("no document, and no mistake")
			}
			return
		}
		var o outer
		d.Decode(d.Root, &o)
		if o.Name == "" && len(d.Mistakes) == 0 && !strings.Contains(string(text), "name") {
			t.Error("a required key is missing, and that is no mistake")
		}
		_ = d.Mistakes.Sort().Error()
		for _, n := range []*yaml.Node{d.Root} {
			d.Inside(n, len(n.Value))
		}
	})
}
