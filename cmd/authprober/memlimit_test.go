package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/authprober/authprober/checks/banktest"
)

func TestCgroupMemory(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		want  string
	}{
		"no cgroups": {nil, "none"},
		"v2": {map[string]string{"proc/self/cgroup": "0::/system.slice/authprober.service\n",
			"sys/fs/cgroup/system.slice/authprober.service/memory.max": "268435456\n"}, "268435456"},
		"v2 of a container": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "100000000\n"}, "100000000"},
		"v2, the slice allows less": {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/memory.max": "50000000\n",
			"sys/fs/cgroup/a/b/memory.max": "268435456\n"}, "50000000"},
		"v2, no limit": {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, "none"},
		"v1": {map[string]string{"proc/self/cgroup": "12:pids:/a\n5:memory:/a\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "33554432\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, "33554432"},
		"v1, no limit": {map[string]string{"proc/self/cgroup": "5:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, "none"},
		"v1, the host's path": {map[string]string{"proc/self/cgroup": "5:memory:/docker/0a1b\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "44444444\n"}, "44444444"},
		"nonsense": {map[string]string{"proc/self/cgroup": "::\nx\n0::/../..\n", "sys/fs/cgroup/memory.max": "-3\n"}, "none"},
	}
	for name, test := range tests {
		root := fstest.MapFS{}
		for path, text := range test.files {
			root[path] = &fstest.MapFile{Data: []byte(text)}
		}
		got := "none"
		if limit, ok := cgroupMemory(root); ok {
			got = fmt.Sprint(limit)
		}
		if got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

func TestMemoryLimitText(t *testing.T) {
	for text, want := range map[string]memoryLimit{"auto": 0, "OFF": -1, "200MiB": 200 << 20, "1GiB": 1 << 30, "16777216B": 16 << 20} {
		var m memoryLimit
		if err := m.UnmarshalText([]byte(text)); err != nil || m != want {
			t.Errorf("%s: got %d, %v, want %d", text, m, err, want)
		}
	}
	for _, text := range []string{"200", "1MiB", "MiB", "-1GiB", "9000000TiB", "9000000000000000000TiB", "1.5GiB", "1 GiB", "20MB"} {
		if err := new(memoryLimit).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

// The limit is there before anything is probed, and GOMEMLIMIT goes before it.
func TestMemoryLimit(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGINT")
	}
	for _, test := range []struct {
		environ []string
		want    string
	}{
		{[]string{"AUTHPROBER_MEMORY_LIMIT=123MiB"}, "\ngo_gc_gomemlimit_bytes 1.28974848e+08\n"},
		{[]string{"AUTHPROBER_MEMORY_LIMIT=123MiB", "GOMEMLIMIT=64MiB"}, "\ngo_gc_gomemlimit_bytes 6.7108864e+07\n"},
		{[]string{"AUTHPROBER_MEMORY_LIMIT=off"}, "\ngo_gc_gomemlimit_bytes 9.223372036854776e+18\n"},
	} {
		bank, url, _ := watchedBank(t, banktest.Options{Users: 1, PasswordOnly: true})
		p := start(t, append(test.environ, "AUTHPROBER_LISTEN=127.0.0.1:0"), "run", writeFlow(t, passwordFlow(url), bank.Users()))
		at := p.until("running")["url"].(string)
		if metrics := get(t, at+"/metrics"); !strings.Contains(metrics, test.want) {
			t.Errorf("%q: /metrics does not say %s", test.environ, test.want)
		}
		p.Process.Signal(os.Interrupt)
		p.end()
	}
}
