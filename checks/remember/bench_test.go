package remember_test

import (
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/remember"
)

// BenchmarkPut replaces a refresh token of 1 KiB beside a counter: most of it is
// the disk's syncing of a file and of its folder.
func BenchmarkPut(b *testing.B) {
	put1 := func(b *testing.B, s *remember.Store) {
		put(b, s, ann, map[string]remember.Value{"n": value("7")})
		token := map[string]remember.Value{"token": value(`"` + strings.Repeat("x", 1022) + `"`)}
		for b.Loop() {
			put(b, s, ann, token)
		}
	}
	b.Run("memory", func(b *testing.B) { put1(b, remember.NewMemory()) })
	b.Run("plain", func(b *testing.B) { put1(b, open(b, b.TempDir(), remember.Key{})) })
	b.Run("encrypted", func(b *testing.B) { put1(b, open(b, b.TempDir(), parseKey(b, newIdentity(b)))) })
}

func BenchmarkGet(b *testing.B) {
	s := open(b, b.TempDir(), remember.Key{})
	put(b, s, ann, map[string]remember.Value{"n": value("7")})
	for b.Loop() {
		if _, err := s.Get(ann); err != nil {
			b.Fatal(err)
		}
	}
}
