// Command compare measures authprober beside other monitors, on one machine, against one
// staging bank, with one flow: log in, read accounts, log out.
//
//	go run ./deploy/compare                  # all parts, all tools that are installed
//	go run ./deploy/compare -part cost -tools bare,authprober
//
// It has three parts:
//
//	cost   processor time a flow, and memory, each tool alone with a bank of its own
//	ratio  what share of flows failed, as each tool tells, with one backend of five broken
//	page   how long after the beginning of a fault each tool's rules page
//
// The bank is the command authprober bank, a process of its own, and counts for itself:
// what a tool claims to have done is held against that. Everything is one hundred times as
// fast as it would be in service, the same for each tool: a flow every 100ms, for 10s. The
// configuration of each tool is in the folder config, complete; docs/comparison.md says why
// it is as it is, and has results.
//
// A tool that is not installed is listed as that, and with -require it is an error. It works
// on Linux alone, whose /proc says what a process has used.
package main
