package main

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

// A memoryLimit is what the process tries to keep its memory below, in bytes: 0 is as
// its cgroup has it, and negative none at all.
type memoryLimit int64

// memoryUnits are the suffixes that GOMEMLIMIT knows.
var memoryUnits = map[string]int64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

func (m *memoryLimit) UnmarshalText(text []byte) error {
	switch strings.ToLower(string(text)) {
	case "auto":
		*m = 0
		return nil
	case "off":
		*m = -1
		return nil
	}
	digits := strings.TrimRight(string(text), "BKMGTi")
	unit, known := memoryUnits[string(text)[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n < 1 || n > math.MaxInt64/unit || n*unit < leastMemory {
		return errors.New("want auto, off, or 16MiB and more, like 200MiB")
	}
	*m = memoryLimit(n * unit)
	return nil
}

const leastMemory = 16 << 20

// limitMemory has the garbage collector work harder rather than let the process be
// killed: below 90 % of what the cgroup allows, for what is not of the Go runtime needs
// some too. GOMEMLIMIT, where it is set, has its way, and the runtime has read it.
func (a *app) limitMemory(m memoryLimit, log *zap.Logger) {
	if a.value("GOMEMLIMIT") != "" || m < 0 {
		return
	}
	limit, from := int64(m), "AUTHPROBER_MEMORY_LIMIT"
	if m == 0 {
		allowed, ok := cgroupMemory(os.DirFS("/"))
		if !ok {
			return
		}
		limit, from = max(allowed/10*9, leastMemory), "cgroup"
	}
	debug.SetMemoryLimit(limit)
	log.Info("memory limit", zap.Int64("bytes", limit), zap.String("from", from))
}

// cgroupMemory is the least memory.max of the process's cgroup and of those above it,
// cgroup v2, or its limit_in_bytes, cgroup v1, in bytes; false where nothing limits it.
func cgroupMemory(root fs.FS) (limit int64, ok bool) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	limit = math.MaxInt64
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(fields) < 3:
		case fields[1] == "":
			limit = min(limit, leastIn(root, "sys/fs/cgroup", fields[2], "memory.max"))
		case fields[1] == "memory":
			limit = min(limit, leastIn(root, "sys/fs/cgroup/memory", fields[2], "memory.limit_in_bytes"))
		}
	}
	// v1 says none with the greatest number of whole pages.
	return limit, limit < math.MaxInt64&^0xffff
}

// leastIn is the least number in the files of that name, from a cgroup up to the root.
// In a container the path may be the host's, of which nothing is seen here.
func leastIn(root fs.FS, mount, group, name string) int64 {
	least := int64(math.MaxInt64)
	for at := path.Clean("/" + group); ; at = path.Dir(at) {
		if text, err := fs.ReadFile(root, path.Join(mount, at, name)); err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
				least = min(least, n)
			}
		}
		if at == "/" {
			return least
		}
	}
}
