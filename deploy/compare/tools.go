package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Everything is a hundred times as fast as it would be in service.
const (
	scale    = 100
	interval = 100 * time.Millisecond // from a flow to the next; 10s in service
)

// A tool is a monitor, as it is configured here.
type tool struct {
	name     string
	job      string   // as Prometheus calls it; "" where it is not asked for pages
	about    string   // how it is configured, in a few words
	programs []string // the names it goes by; none: it comes with the harness
	version  []string // arguments that make it say so; none: it is read from the binary

	// single tells that it makes the login alone: it cannot take the token to the next request.
	single bool
	// ends tells that it ends by itself, and says only then what it has done.
	ends bool
	// command is how it is started, with its web server at a port of the loopback interface.
	command func(s *stand, port int) (environ, args []string)
	// ready is a path that answers once it has started; "" where nothing does.
	ready string
	// drive, unless nil, makes one run: it does nothing by itself.
	drive func(ctx context.Context, s *stand, base string) (failed bool, err error)
	// runs and failed are what it says it has done, at /metrics.
	runs, failed series
}

// tools are all there are, in the order of the tables.
var tools = []tool{
	{
		name: "bare", about: "net/http, a connection a flow",
		command: func(s *stand, port int) ([]string, []string) {
			return append(s.credentials(), fmt.Sprintf("LISTEN=127.0.0.1:%d", port)), []string{bareWord}
		},
		ready: "/metrics", runs: series{name: "bare_runs_total"}, failed: series{name: "bare_failed_total"},
	},
	{
		name: "authprober", job: "authprober", about: "a connection a flow, its default",
		version: []string{"version"},
		command: func(s *stand, port int) ([]string, []string) {
			return []string{
				"AUTHPROBER_ALLOW_ENV=BANK_URL", "BANK_URL=" + s.bank.url, fmt.Sprintf("AUTHPROBER_LISTEN=127.0.0.1:%d", port),
				"AUTHPROBER_ALERTMANAGER_URLS=" + s.pages + "/authprober", "AUTHPROBER_LOG_LEVEL=warn",
			}, []string{"run", filepath.Join(s.dir, "authprober.yaml"), s.bank.accounts}
		},
		ready: "/metrics", runs: series{name: "authprober_runs_total"}, failed: series{name: "authprober_runs_failed_total"},
	},
	gatus("gatus", "", "connections kept, its default", "keep-alive"),
	gatus("gatus-close", "gatus", "a connection a request", "close"),
	{
		name: "cloudprober", job: "cloudprober", about: "a connection a request, its default",
		programs: []string{"cloudprober"}, version: []string{"--version"},
		command: func(s *stand, port int) ([]string, []string) {
			return append(s.credentials(), "BANK_HOST="+s.bank.host, "SCRIPT="+filepath.Join(s.dir, "cloudprober.star"),
				"PAGES_URL="+s.pages+"/cloudprober", "CLOUDPROBER_HOST=127.0.0.1", fmt.Sprintf("CLOUDPROBER_PORT=%d", port),
			), []string{"--config_file=" + filepath.Join(s.dir, "cloudprober.cfg"), "--logtostderr"}
		},
		ready: "/metrics", runs: series{"total", `probe="retail-login"`}, failed: series{"failure", `probe="retail-login"`},
	},
	{
		name: "blackbox_exporter", job: "blackbox_exporter", about: "the login alone, a connection each, its default", single: true,
		programs: []string{"blackbox_exporter", "prometheus-blackbox-exporter"}, version: []string{"--version"},
		command: func(s *stand, port int) ([]string, []string) {
			return nil, []string{"--config.file=" + filepath.Join(s.dir, "blackbox.yml"), fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port), "--log.level=warn"}
		},
		ready: "/metrics",
		drive: func(ctx context.Context, s *stand, base string) (bool, error) {
			text, err := call(ctx, "GET", base+"/probe?module=login&target="+url.QueryEscape(s.bank.url+"/v1/login"), "")
			return series{name: "probe_success"}.sum(text) != 1, err
		},
	},
	{
		name: "k6", about: "a connection a flow: noVUConnectionReuse", ends: true,
		programs: []string{"k6"}, version: []string{"version"},
		command: func(s *stand, _ int) ([]string, []string) {
			return append(s.credentials(), "DURATION="+s.runsFor.String(), "SUMMARY="+s.summary(), "K6_NO_USAGE_REPORT=true"),
				[]string{"run", "--quiet", "--address=127.0.0.1:0", filepath.Join(s.dir, "k6.js")}
		},
	},
}

// gatus is Gatus with one of two values of the header Connection.
func gatus(name, job, about, connection string) tool {
	return tool{
		name: name, job: job, about: about, programs: []string{"gatus"},
		command: func(s *stand, port int) ([]string, []string) {
			return append(s.credentials(), "GATUS_CONFIG_PATH="+filepath.Join(s.dir, "gatus.yaml"), "GATUS_LOG_LEVEL=WARN",
				fmt.Sprintf("PORT=%d", port), "PAGES_URL="+s.pages+"/gatus", "CONNECTION="+connection), nil
		},
		ready: "/metrics", runs: series{name: "gatus_suite_results_total"},
		failed: series{"gatus_suite_results_total", `success="false"`},
	}
}

func toolNames() (names []string) {
	for _, t := range tools {
		names = append(names, t.name)
	}
	return names
}

// path is where the tool is; "" if it is not installed.
func (t tool) path(authprober string) (string, error) {
	switch t.name {
	case "bare":
		return os.Executable()
	case "authprober":
		return authprober, nil
	}
	return installed(t.programs), nil
}

var versionNumber = regexp.MustCompile(`v?\d+\.\d+\.\d+[0-9A-Za-z.+~-]*`)

// versionOf asks the program, or else reads what its build has left in it.
func versionOf(ctx context.Context, path string, args []string) string {
	if len(args) > 0 {
		out, _ := exec.CommandContext(ctx, path, args...).CombinedOutput() // without an answer the build is asked
		line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if v := versionNumber.FindString(line); v != "" {
			return strings.TrimPrefix(v, "v")
		}
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil || versionNumber.FindString(info.Main.Version) == "" {
		return "of unknown version"
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}
