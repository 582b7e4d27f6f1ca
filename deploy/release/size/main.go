// Size reports what a build costs: how long it takes with nothing cached, how large the
// binary is, and how much machine code each module has in it. It is a report: nothing
// fails because a figure has grown.
//
//	go run -C deploy/release ./size            # the whole report, a cold build in it
//	go run -C deploy/release ./size -cold=false
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

func main() {
	cold := flag.Bool("cold", true, "build once with an empty cache, and say how long it took")
	flag.Parse()
	if err := report(os.Stdout, filepath.Join("..", ".."), *cold); err != nil {
		fmt.Fprintln(os.Stderr, "size:", err)
		os.Exit(1)
	}
}

// report builds the program in the checkout root and writes what that costs to w.
func report(w io.Writer, root string, cold bool) error {
	dir, err := os.MkdirTemp("", "authprober-size")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	var spent *cost
	if cold {
		if spent, err = build(root, filepath.Join(dir, "cold"), "-s -w", "GOCACHE="+filepath.Join(dir, "cache")); err != nil {
			return err
		}
	}
	released, named := filepath.Join(dir, "released"), filepath.Join(dir, "named")
	if _, err := build(root, released, "-s -w"); err != nil {
		return err
	}
	if _, err := build(root, named, ""); err != nil { // its symbols say whose the code is
		return err
	}
	info, err := os.Stat(released)
	if err != nil {
		return err
	}
	code, err := codeByModule(root, named)
	if err != nil {
		return err
	}
	write(w, spent, info.Size(), code)
	return nil
}

// A cost is what a build took, by the clock and of all processors together.
type cost struct{ wall, cpu time.Duration }

// build builds the program as a release does, but for the flags of the linker, into the file out.
func build(root, out, ldflags string, env ...string) (*cost, error) {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags="+ldflags, "-o", out, "./cmd/authprober")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("building: %w", err)
	}
	return &cost{time.Since(start), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}, nil
}

// write writes the report: spent is nil where nobody asked.
func write(w io.Writer, spent *cost, size int64, code []moduleCode) {
	fmt.Fprintf(w, "%s %s/%s, %d processors\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if spent != nil {
		fmt.Fprintf(w, "cold build   %5.1f s by the clock, %.1f s of the processors; modules were downloaded before\n", spent.wall.Seconds(), spent.cpu.Seconds())
	}
	var all int64
	for _, m := range code {
		all += m.bytes
	}
	fmt.Fprintf(w, "binary       %5.1f MB stripped, of which %.1f MB are machine code:\n", mega(size), mega(all))
	for _, m := range code {
		if mega(m.bytes) < 0.05 {
			break
		}
		fmt.Fprintf(w, "  %6.2f MB  %4.1f %%  %s\n", mega(m.bytes), 100*float64(m.bytes)/float64(all), m.path)
	}
}

func mega(bytes int64) float64 { return float64(bytes) / 1e6 }
