//go:build !unix

package main

func mainOrPanic() { main() }
