package main

import "strings"

// kinds are the licences that were agreed to, by what their texts hold, in an order in
// which the first match is right. All may be linked into a work under Apache-2.0; MPL
// wants changes to its own files published, of which there are none.
var kinds = []struct {
	name  string
	holds []string
}{
	{"Apache-2.0", []string{"apache license", "version 2.0"}},
	{"MPL-2.0", []string{"mozilla public license", "2.0"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "neither the name"}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms", "this list of conditions"}},
	{"MIT", []string{"permission is hereby granted, free of charge", "without restriction"}},
	{"public domain", []string{"dedicated to the public domain", "anyone is free to copy"}},
	{"ISC", []string{"permission to use, copy, modify, and/or distribute this software"}},
	{"ISC", []string{"permission to use, copy, modify, and distribute this software"}},
}

// never are words of licences that must not slip in beside one that was agreed to.
var never = []string{"gnu general public license", "gnu affero", "gnu lesser", "server side public", "business source license", "commons clause"}

// kindOf names the licence of a text. A text that attributes and grants nothing, such as
// a NOTICE, has none and is taken.
func kindOf(text string) (kind string, ok bool) {
	low := strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, word := range never {
		if strings.Contains(low, word) && !strings.Contains(low, "mozilla public license") { // which names them as compatible
			return "", false
		}
	}
	for _, k := range kinds {
		all := true
		for _, part := range k.holds {
			all = all && strings.Contains(low, part)
		}
		if all {
			return k.name, true
		}
	}
	grants := strings.Contains(low, "permission") || strings.Contains(low, "redistribut")
	return "", strings.Contains(low, "copyright") && !grants
}
