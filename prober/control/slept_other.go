//go:build !linux

package control

import "time"

// sleptSoFar is not known here.
func sleptSoFar() (slept time.Duration, known bool) { return 0, false }
