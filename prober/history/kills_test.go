//go:build !race

package history

// kills is how often TestKilled kills.
const kills = 100
