// Package release holds what a release is made with against what it promises: the
// configuration of goreleaser, and that whoever builds a commit builds the same binary.
// It is a module of its own, as goreleaser's code is to be in nobody else's go.mod.
// The command notice writes /NOTICE.
package release
