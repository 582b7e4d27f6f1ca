package secret

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// A Redactor replaces the secrets it knows of by [Mark], in text that may have
// been written by anybody. It finds a secret
//
//   - as it is;
//   - in JSON strings, percent-encoded (paths and queries, "+" for a space
//     included) and HTML-escaped, whichever characters the writer chose to
//     escape, and two of these inside each other;
//   - in base64 of either alphabet, padded or not, alone or anywhere within the
//     encoded text, so in the "user:password" of HTTP Basic credentials too;
//   - in hexadecimal of either case.
//
// Where secrets overlap in a text, one Mark stands for all of them together.
//
// Secrets shorter than four bytes, such as a PIN, are replaced only where they
// stand alone: one of digits only, where no digit is next to it; any other one,
// where no ASCII letter or digit is. Of their encodings, only those of the
// secret alone are found; whoever builds Basic credentials of one adds the
// header's value as well. The empty secret is never found.
//
// What it cannot find: a secret in another encoding (compressed, encrypted,
// base64 with line breaks), in pieces, or in another case.
//
// The zero value knows no secret. A Redactor is safe for concurrent use and
// must not be copied.
type Redactor struct {
	base *Redactor // asked too; never changed through this one

	mu       sync.RWMutex
	fresh    []string // added and not yet in index; most runs never redact a text that could hold them
	shortest int      // length of the shortest of fresh
	index    index
}

// NewRedactor returns a Redactor that knows the given secrets.
func NewRedactor(secrets ...string) *Redactor {
	r := new(Redactor)
	r.Add(secrets...)
	return r
}

// Derive returns a Redactor that knows what r knows, now and later, and to
// which more can be added without r's knowing them: the secrets of one run on
// top of those of the configuration.
func (r *Redactor) Derive() *Redactor { return &Redactor{base: r} }

// Add makes r know more secrets. Texts redacted from then on are free of them.
func (r *Redactor) Add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		if s == "" {
			continue
		}
		if len(r.fresh) == 0 || len(s) < r.shortest {
			r.shortest = len(s)
		}
		r.fresh = append(r.fresh, s)
	}
}

// Redact returns s with every known secret in it replaced by [Mark]. It returns
// s itself where there is none.
func (r *Redactor) Redact(s string) string { return replace(s, r.spans(s, false)) }

// RedactPart is Redact for a text that was cut off at its end, such as a body
// read up to a limit: the beginning of a secret at the end of s is replaced
// too, if it is at least four bytes of it or half of it.
//
// It is not for whole texts. There the end may look like the beginning of a
// secret by chance, and a Mark would then tell how the secret begins.
func (r *Redactor) RedactPart(s string) string { return replace(s, r.spans(s, true)) }

// lookahead is how much of a text beyond the cut is looked at for the rest of a
// secret. Of a longer one RedactCut finds the beginning.
const lookahead = 4096

// RedactCut returns at most limit bytes of s, redacted. Secrets are looked for
// before the text is cut, so none of them is left in part. Where something was
// cut off the result ends in "…", as far as limit has room for it; no character
// and no Mark is cut in the middle.
func (r *Redactor) RedactCut(s string, limit int) string {
	if limit <= 0 {
		return ""
	}
	if len(s)-limit > lookahead {
		s = r.RedactPart(s[:limit+lookahead])
	} else {
		s = r.Redact(s)
	}
	return cut(s, limit)
}

const ellipsis = "…"

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	tail := ellipsis
	if limit < len(tail) {
		tail = ""
	}
	end := limit - len(tail)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	// A Mark that begins before the cut and ends after it goes as a whole.
	from := max(0, end-len(Mark)+1)
	if i := strings.Index(s[from:min(len(s), end+len(Mark)-1)], Mark); i >= 0 && from+i < end {
		end = from + i
	}
	return s[:end] + tail
}

// Format writes a constant: a Redactor holds what must not be printed.
func (r *Redactor) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redactor]") }

// spans returns where secrets are in s, sorted and apart from each other.
func (r *Redactor) spans(s string, part bool) []span {
	var found []span
	var views []view       // made once, for r and all below it
	longest := math.MaxInt // of a secret that can be in s
	if !part {
		longest = 2 * len(s) // no encoding is shorter than the secret, and no escape half as long as what it stands for
	}
	for ; r != nil; r = r.base {
		r.compile(longest)
		r.mu.RLock()
		if !r.index.empty() {
			if views == nil {
				views = viewsOf(s, part)
			}
			for _, v := range views {
				found = r.index.find(found, v, part)
			}
		}
		r.mu.RUnlock()
	}
	found = slices.DeleteFunc(found, func(f span) bool { return f.inMark(s) })
	return merge(found)
}

// compile moves the fresh secrets of up to longest bytes into the index. The index is
// some ten times as large as what is in it, and a tag is shorter than any token.
func (r *Redactor) compile(longest int) {
	r.mu.RLock()
	none := len(r.fresh) == 0 || r.shortest > longest
	r.mu.RUnlock()
	if none {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var later []string
	r.shortest = math.MaxInt
	for _, s := range r.fresh {
		if len(s) > longest {
			later, r.shortest = append(later, s), min(r.shortest, len(s))
			continue
		}
		r.index.add(s)
	}
	r.fresh = later
}

// A span is the part [from, to) of a text.
type span struct{ from, to int }

// inMark reports whether the span is part of a Mark that is in s already, which
// happens with a secret like "secret" in a text that was redacted before.
func (f span) inMark(s string) bool {
	if f.to-f.from > len(Mark) {
		return false
	}
	from, to := max(0, f.to-len(Mark)), min(len(s), f.from+len(Mark))
	return strings.Contains(s[from:to], Mark)
}

// merge sorts spans and joins those that overlap or touch.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

func replace(s string, spans []span) string {
	if len(spans) == 0 {
		return s
	}
	var b strings.Builder
	at := 0
	for _, p := range spans {
		b.WriteString(s[at:p.from])
		b.WriteString(Mark)
		at = p.to
	}
	b.WriteString(s[at:])
	return b.String()
}
