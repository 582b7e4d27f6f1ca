package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ticks is USER_HZ, in which Linux counts processor time for /proc, on every
// architecture that Go runs on.
const ticks = 100

// cpuOf is the processor time that a process has used, and its children that have ended
// and were waited for, to the 10 ms.
func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(text))
}

// parseStat reads utime, stime, cutime and cstime, fields 14 to 17 of proc_pid_stat(5).
// The second, the name, is in parentheses and may have spaces and parentheses itself.
func parseStat(text string) (time.Duration, error) {
	end := strings.LastIndexByte(text, ')')
	fields := strings.Fields(text[end+1:])
	if end < 0 || len(fields) < 15 {
		return 0, fmt.Errorf("reading /proc/PID/stat: %q has no times", text)
	}
	var sum int64
	for _, field := range fields[11:15] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading /proc/PID/stat: %w", err)
		}
		sum += n
	}
	return time.Duration(sum) * (time.Second / ticks), nil
}

// A memory is what a process has resident, in MiB.
type memory struct {
	Peak    float64 `json:"peak_mib"`    // VmHWM: the most there was
	Settled float64 `json:"settled_mib"` // VmRSS: now
	Private float64 `json:"private_mib"` // RssAnon: of that, what is no file's
}

func memoryOf(pid int) (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	return parseStatus(string(text))
}

var statusLine = regexp.MustCompile(`(?m)^(VmHWM|VmRSS|RssAnon):\s+(\d+) kB$`)

func parseStatus(text string) (memory, error) {
	var m memory
	found := statusLine.FindAllStringSubmatch(text, -1)
	for _, match := range found {
		kb, _ := strconv.ParseFloat(match[2], 64) // digits alone
		*map[string]*float64{"VmHWM": &m.Peak, "VmRSS": &m.Settled, "RssAnon": &m.Private}[match[1]] = kb / 1024
	}
	if len(found) != 3 {
		return memory{}, fmt.Errorf("reading /proc/PID/status: %d of 3 lines about memory", len(found))
	}
	return m, nil
}
