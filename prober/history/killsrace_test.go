//go:build race

package history

// Each life takes several times as long with the race detector.
const kills = 20
