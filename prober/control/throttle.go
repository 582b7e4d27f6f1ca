package control

import (
	"os"
	"path"
	"strconv"
	"strings"
)

// throttled is for how many seconds the quota of our control group (cgroup v2, Linux
// kernel, Documentation/admin-guide/cgroup-v2.rst, cpu.stat) has kept us waiting. It is
// not known elsewhere, nor where there is no quota.
func throttled() (seconds float64, ok bool) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	in, found := groupOf(string(own))
	if !found {
		return 0, false
	}
	stat, err := os.ReadFile(path.Join("/sys/fs/cgroup", in, "cpu.stat"))
	if err != nil { // within a container the group is the root of what is mounted
		if stat, err = os.ReadFile("/sys/fs/cgroup/cpu.stat"); err != nil {
			return 0, false
		}
	}
	return throttledOf(string(stat))
}

// groupOf finds the path of the group of version 2 in /proc/self/cgroup.
func groupOf(text string) (string, bool) {
	for line := range strings.Lines(text) {
		if in, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return in, true
		}
	}
	return "", false
}

func throttledOf(stat string) (seconds float64, ok bool) {
	for line := range strings.Lines(stat) {
		if value, found := strings.CutPrefix(line, "throttled_usec "); found {
			n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			return float64(n) / 1e6, err == nil
		}
	}
	return 0, false
}
