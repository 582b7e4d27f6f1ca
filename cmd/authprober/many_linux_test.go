package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manyEvery is how often each check of BenchmarkMany runs.
const manyEvery = 10 * time.Second

// BenchmarkMany starts the daemon, as it is released, with 5,000 checks of one step each,
// and with as many as show where the limit is, every ten seconds against a staging bank on
// the same machine, and lets it run for a minute. It reports the time and the processor
// time until it runs, the private memory of a check before the first scrape, the processor
// time of a second, how late 99 % of the runs began at the most (the bucket's bound), how
// many were missed, how long the first scrape of /metrics takes, and the median of five
// more, by the clock and of the daemon's processor time, how large it is, and the private
// memory of a check after it.
func BenchmarkMany(b *testing.B) {
	binary := buildReleased(b)
	for _, n := range []int{5_000, 10_000, 20_000} {
		b.Run(fmt.Sprintf("checks=%d", n), func(b *testing.B) {
			for b.Loop() {
				many(b, binary, n)
			}
		})
	}
}

const manyFlow = `name: metadata-%d
target: ${{ env.BANK_URL }}
schedule: {every: %s, timeout: 8s}
objective: {tolerate: 0.1%%, detect: 2%%}
steps:
  - name: metadata
    request: GET /.well-known/openid-configuration
    expect: [status == 200, body.issuer != ""]
`

func many(b *testing.B, binary string, checks int) {
	dir := b.TempDir()
	bank := startChild(b, nil, `at (http://\S+)`, binary, "bank", "--listen", "127.0.0.1:0")
	defer bank.stop()
	for i := range checks {
		text := fmt.Sprintf(manyFlow, i, manyEvery)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("flow-%d.yaml", i)), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	env := []string{"AUTHPROBER_LISTEN=127.0.0.1:0", "AUTHPROBER_ALLOW_ENV=BANK_URL", "BANK_URL=" + bank.url}
	begun := time.Now()
	daemon := startChild(b, env, `"url":"(http://[^"]+)"`, binary, "run", dir)
	defer daemon.stop()
	pid := daemon.cmd.Process.Pid
	b.ReportMetric(time.Since(begun).Seconds(), "start-s")
	b.ReportMetric(cpuOf(b, pid).Seconds(), "start-cpu-s")
	b.ReportMetric(memoryOf(b, pid, "RssAnon")*1024/float64(checks), "rest-KiB/check")
	rested, from := cpuOf(b, pid), time.Now()
	time.Sleep(time.Minute)
	b.ReportMetric((cpuOf(b, pid)-rested).Seconds()/time.Since(from).Seconds(), "cpu-s/s")
	text, took := fetch(b, daemon.url+"/metrics")
	b.ReportMetric(took.Seconds(), "first-metrics-s")
	before, all := cpuOf(b, pid), []time.Duration(nil)
	for range 5 {
		text, took = fetch(b, daemon.url+"/metrics")
		all = append(all, took)
	}
	slices.Sort(all)
	b.ReportMetric(all[len(all)/2].Seconds(), "metrics-s")
	b.ReportMetric((cpuOf(b, pid)-before).Seconds()/float64(len(all)), "metrics-cpu-s") // with that of the runs meanwhile
	b.ReportMetric(memoryOf(b, pid, "RssAnon")*1024/float64(checks), "scraped-KiB/check")
	b.ReportMetric(float64(len(text))/(1<<20), "metrics-MiB")
	b.ReportMetric(lagBound(b, text, 0.99)*1000, "lag-p99-ms")
	runs, missed := sumOf(b, text, "authprober_runs_total"), sumOf(b, text, "authprober_runs_missed_total")
	b.ReportMetric(runs, "runs")
	b.ReportMetric(missed, "missed")
	if due, settled := sumOf(b, text, "authprober_runs_due_total"), runs+missed+sumOf(b, text, "authprober_runs_inconclusive_total"); due != settled {
		b.Errorf("%v due times, of which %v are accounted for", due, settled)
	}
}

// cpuOf is the processor time that a process has used.
func cpuOf(b *testing.B, pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := bytes.Cut(stat, []byte(") ")) // the name of the command may be anything
	fields := strings.Fields(string(after))      // from the third one on, proc_pid_stat(5)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // a tick is a hundredth of a second
}

// fetch asks with gzip, as Prometheus does, and returns the text and how long it took until the
// last byte had come.
func fetch(b *testing.B, url string) ([]byte, time.Duration) {
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	asked := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	packed, err := io.ReadAll(resp.Body)
	took := time.Since(asked)
	if err != nil {
		b.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		b.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		b.Fatal(err)
	}
	return text, took
}

// lagBound is the bound of the bucket in which a quantile of the schedule's lag is, in
// seconds.
func lagBound(b *testing.B, metrics []byte, quantile float64) float64 {
	buckets := regexp.MustCompile(`(?m)^authprober_schedule_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$`).FindAllSubmatch(metrics, -1)
	if len(buckets) == 0 {
		b.Fatal("no lag of the schedule in /metrics")
	}
	all, _ := strconv.ParseFloat(string(buckets[len(buckets)-1][2]), 64)
	for _, bucket := range buckets {
		if n, _ := strconv.ParseFloat(string(bucket[2]), 64); n >= quantile*all {
			bound, _ := strconv.ParseFloat(string(bucket[1]), 64)
			return bound
		}
	}
	return 0
}

// sumOf adds up all series of a metric, of which there has to be one.
func sumOf(b *testing.B, metrics []byte, name string) (sum float64) {
	lines, found := bufio.NewScanner(bytes.NewReader(metrics)), false
	for lines.Scan() {
		if line := lines.Text(); strings.HasPrefix(line, name+"{") {
			n, _ := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			sum, found = sum+n, true
		}
	}
	if !found {
		b.Fatalf("no %s in /metrics", name)
	}
	return sum
}
