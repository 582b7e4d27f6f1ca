package remember

import (
	"strings"
	"testing"

	"filippo.io/age"
)

// FuzzParseKey reads any text as a file of keys: there is one, with which what is written can be
// read, or an error that repeats nothing of the text.
func FuzzParseKey(f *testing.F) {
	const marked = "QX7VZK93"
	for _, s := range []string{"", "# " + marked, "AGE-SECRET-KEY-1" + marked, marked, "AGE-SECRET-KEY-1QQPQYXQUGQ5ZRQDQPZQQPQYXQUGQ5ZRQDQPZQQPQYXQUGQ5ZRQDSXYZ", "\n\n\t" + marked + "\r\n", strings.Repeat("A", maxKey+1), "age1" + strings.ToLower(marked)} {
		f.Add(s)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(id.String())
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseKey(text)
		if k.isSet() != (err == nil) {
			t.Fatalf("set %t, and %v", k.isSet(), err)
		}
		if err != nil {
			if said := strings.ToUpper(err.Error()); strings.Contains(said, marked) || len(said) > 200 {
				t.Fatalf("it repeats the text: %v", err)
			}
			return
		}
		sealed, err := k.seal([]byte(marked))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := k.open(sealed); err != nil || string(back) != marked {
			t.Fatalf("read again as %q, %v", back, err)
		}
	})
}
