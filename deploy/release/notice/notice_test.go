package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const mit = "Copyright (c) A\n\nPermission is hereby granted, free of\ncharge, to any person, without restriction"

func TestKindOf(t *testing.T) {
	for text, want := range map[string]string{
		mit: "MIT",
		"Apache License\n   Version 2.0, January 2004":                                                          "Apache-2.0",
		"Redistribution and use in source and binary forms ... this list of conditions ... Neither the name of": "BSD-3-Clause",
		"Redistribution and use in source and binary forms ... this list of conditions":                         "BSD-2-Clause",
		"Mozilla Public License Version 2.0 ... GNU General Public License":                                     "MPL-2.0",
		"Permission to use, copy, modify, and distribute this software for any purpose":                         "ISC",
		"A product. Copyright 2014 The Authors":                                                                 "",
		"GNU GENERAL PUBLIC LICENSE Version 3":                                                                  "refused",
		mit + " This file is under the GNU Affero General Public License.":                                      "refused",
		"Licensed under the Apache License, Version 2.0, with the Commons Clause":                               "refused",
		"You may do as you please":                                                                              "refused",
		"Copyright (c) A. Permission is granted to nobody":                                                      "refused",
	} {
		got, ok := kindOf(text)
		if !ok {
			got = "refused"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestNotice(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"LICENSE": mit, "README": "GNU Affero"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := notice([]module{{"example/a", "v1.0.0", dir}, {"example/b", "v2.0.0", dir}})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(text); strings.Count(got, mit) != 1 || !strings.Contains(got, "example/a\nexample/b\n\nCopyright") ||
		!strings.Contains(got, "  example/b v2.0.0 ") {
		t.Errorf("got\n%s", got)
	}
	if _, err := notice([]module{{"example/c", "v1.0.0", t.TempDir()}}); err == nil {
		t.Error("a module without a licence was taken")
	}
}
