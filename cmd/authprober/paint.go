package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A paint colours text for a terminal. The zero value leaves it as it is.
type paint struct{ on bool }

func (p paint) green(s string) string  { return p.with("32", s) }
func (p paint) yellow(s string) string { return p.with("33", s) }
func (p paint) red(s string) string    { return p.with("31", s) }
func (p paint) dim(s string) string    { return p.with("2", s) }
func (p paint) bold(s string) string   { return p.with("1", s) }

func (p paint) with(code, s string) string {
	if !p.on || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// width is how many columns a text without colours has, taking each character
// for one column. Names and numbers of ours are; what a target says may be off
// by what its characters are wide.
func width(s string) int { return utf8.RuneCountInString(s) }

// fill adds spaces up to n columns.
func fill(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-width(s)))
}

// clip cuts a text to n columns, the last of them … where something is missing.
// Colours do not count, and none is cut in two.
func clip(s string, n int) string {
	seen, inColour := 0, false
	for i, r := range s {
		switch {
		case r == '\x1b':
			inColour = true
		case inColour:
			inColour = r != 'm'
		case seen == n-1 && visible(s[i:]) > 1:
			if strings.ContainsRune(s[:i], '\x1b') {
				return s[:i] + "…\x1b[0m"
			}
			return s[:i] + "…"
		default:
			seen++
		}
	}
	return s
}

// visible is the width of a text that may have colours in it.
func visible(s string) (n int) {
	inColour := false
	for _, r := range s {
		switch {
		case r == '\x1b':
			inColour = true
		case inColour:
			inColour = r != 'm'
		default:
			n++
		}
	}
	return n
}

// oneLine makes a text safe for a terminal: in one line, without control
// characters, which could move the cursor or worse.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}
