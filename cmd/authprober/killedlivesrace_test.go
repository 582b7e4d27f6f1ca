//go:build unix && race

package main

// Each life takes several times as long with the race detector.
const killedLives = 20
