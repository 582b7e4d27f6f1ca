//go:build unix && !race

package main

const killedLives = 150
