package main

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/authprober/authprober/checks"
)

// envPrefix begins the name of every variable that is ours.
const envPrefix = "AUTHPROBER_"

// Settings are what the environment says. Each field has its variable, without the
// prefix, its default, and what it is for: the help texts and
// docs/environment.md are made from these. A variable that is set and empty
// counts as not set, but for those whose text says otherwise.
type settings struct {
	Listen       address      `env:"LISTEN" envDefault:"127.0.0.1:9870" about:"Where the daemon serves metrics, health and the status page, as host:port. Port 0 is any free one, which the log names. An empty host is every interface."`
	WebConfig    webConfig    `env:"WEB_CONFIG_FILE" about:"A web configuration file of Prometheus' exporter-toolkit, for TLS and basic authentication. Without one the daemon serves plain HTTP to whoever asks."`
	Admin        onOff        `env:"ADMIN" envDefault:"off" about:"on or off: whether the daemon has endpoints that change something, /-/drill and PUT /-/log-level. They answer only where AUTHPROBER_WEB_CONFIG_FILE asks everybody for a password or a client certificate, or where AUTHPROBER_LISTEN is a loopback address, and none of them answers a page of another origin."`
	LogLevel     level        `env:"LOG_LEVEL" envDefault:"info" about:"debug, info, warn or error: the least that is logged. With AUTHPROBER_ADMIN=on, /-/log-level changes it while the daemon runs: curl -X PUT -d level=debug."`
	LogFormat    logFormat    `env:"LOG_FORMAT" envDefault:"auto" about:"json, console, or auto: console on a terminal and json elsewhere. Logs go to standard error."`
	AllowEnv     names        `env:"ALLOW_ENV" about:"Names of environment variables, separated by commas, that flows may read as env.NAME. Secrets need no mention here: {env: NAME} reads any."`
	Contact      contact      `env:"CONTACT" about:"Whom the target's owners may ask, such as a mail address or a URL. It is put into the User-Agent: authprober/VERSION (+CONTACT)."`
	MarkerHeader headerLine   `env:"MARKER_HEADER" envDefault:"X-Synthetic-Probe: authprober" about:"A header field sent with every request, so that the target can tell probes from customers. Set and empty, none is sent."`
	PauseFile    pauseFile    `env:"PAUSE_FILE" about:"The kill switch: an absolute path. While a file is there, whatever is in it, no check runs; what is due is missed, as paused. It is looked for every second, runs in flight go on to their end, and all is as before when the file is gone. once and gate run nothing either."`
	PauseHeader  fieldName    `env:"PAUSE_HEADER" envDefault:"X-Synthetic-Probe-Pause" about:"A header field of an answer with which the target itself pauses the check, for so many seconds as its value says, an hour at the most. Only answers from the origin of the flow's target count. Set and empty, none does."`
	Grace        period       `env:"GRACE" envDefault:"10s" about:"How long runs may go on, after a signal and beyond the time of their clean-up, before they are given up."`
	MemoryLimit  memoryLimit  `env:"MEMORY_LIMIT" envDefault:"auto" about:"The memory that the process tries to stay below, like 200MiB; auto is 90 % of what its cgroup allows, which is the container or the unit, and none where nothing is limited; off is none. GOMEMLIMIT, where it is set, goes before it."`
	StateDir     stateDir     `env:"STATE_DIR" about:"A folder, which has to be there, for what flows remember between runs: single-use refresh tokens, counters of one-time codes, and how often each account was refused and used today, each account in a file below remember/; and for what has happened, in history.db. Only their owner can read the files. Each process needs a folder of its own, one that outlives it. Without one, all of that ends with the process."`
	ControlURLs  controlURLs  `env:"CONTROL_URLS" about:"URLs separated by commas of what can be reached unless the prober's own network is sick: independent of the target and of each other, two or more. All are asked every 10 seconds, over new connections, and each time a run fails for a reason that can be the network's; any answer will do. While none of them answers, runs that fail so are errored, not failed. Without any, only loopback is looked at."`
	Heartbeat    heartbeatURL `env:"HEARTBEAT_URL" about:"A dead man's switch: a URL, http or https, that is asked for every minute as long as the prober makes progress. The service behind it tells somebody when that stops. It is a secret, of which the host alone is shown."`
	Shard        shard        `env:"SHARD" about:"The share of the flows that this instance runs, such as 2/3, the second of three, and of every pool's accounts: no flow and no account is ever in two of them. Without one, all are its own. Groups stay whole. To change how many shards there are, stop all instances first."`
	AccountShare shard        `env:"ACCOUNT_SHARE" about:"The share of every pool's accounts that the instances of this location use, such as 2/3: no account is ever in two of them. It deals out no flows. Without one, all accounts are theirs. To change how many shares there are, stop all instances first."`
	HistoryAge   keepFor      `env:"HISTORY_AGE" envDefault:"90d" about:"How long the daemon remembers what has happened: runs, failures, changes of state, in days or hours, such as 90d or 36h; an hour at the least."`
	HistorySize  keepSize     `env:"HISTORY_SIZE" envDefault:"1GiB" about:"How many bytes of that there may be, such as 500MiB or 2GiB; 16MiB at the least. Beyond, what is oldest goes, and failures are kept eight times as long as what passed. The history is history.db in AUTHPROBER_STATE_DIR; without that it is in memory, ends with the process, and has 16MiB at the most."`
	MaxLogins    maxLogins    `env:"MAX_LOGINS" about:"The most logins of all accounts of all pools together, such as 60 per minute, in a sliding window. Flows whose schedules could exceed it are refused; beyond those, a run too many is missed, with the reason budget. Each of several instances has its own. Without one, each pool has its limits alone."`
	StateKeyFile stateKeyFile `env:"STATE_KEY_FILE" about:"A file of age identities, AGE-SECRET-KEY-1… as age-keygen writes them, one a line, with which what flows remember is encrypted. The first encrypts, all decrypt: to change keys, put the new one on top. Files that are not encrypted yet are when they are next written."`

	Alertmanagers      alertmanagers `env:"ALERTMANAGER_URLS" about:"Alertmanagers that get the alerts of checks directly, without Prometheus, as URLs separated by commas, like http://127.0.0.1:9093; each gets every alert. See docs/alerting.md. Without one, none is sent."`
	AlertmanagerConfig clientConfig  `env:"ALERTMANAGER_CONFIG_FILE" about:"A file that says how to speak to them, in the form of Prometheus' HTTP clients: basic_auth, authorization, oauth2, tls_config, proxy_url. Secrets are files of their own, such as password_file, and are read anew each time."`
	AlertLabels        alertLabels   `env:"ALERT_LABELS" about:"Labels of alerts that are sent directly, like job=authprober,instance=probe-1:9870,location=vienna: those that the scrape and Prometheus' external_labels add, so that an alert is one whichever way it comes. Unless it names them, job is authprober and instance is the daemon's address; a name with nothing behind it is no label."`

	OTel otelSettings // from the variables of OpenTelemetry, which have no prefix
}

// A variable is one setting as people know it.
type variable struct {
	field                string // of settings
	Name, Default, About string
}

// variables lists the settings in the order in which they are documented.
func variables() (all []variable) {
	for field := range reflect.TypeFor[settings]().Fields() {
		if field.Tag.Get("env") == "" {
			continue
		}
		all = append(all, variable{
			field:   field.Name,
			Name:    envPrefix + field.Tag.Get("env"),
			Default: field.Tag.Get("envDefault"),
			About:   field.Tag.Get("about"),
		})
	}
	return all
}

// settings reads the environment. Its error names every variable that is wrong,
// a line each, and what it wants; never what it holds, which may be a secret
// that went astray.
func (a *app) settings() (settings, error) {
	var s settings
	err := env.ParseWithOptions(&s, env.Options{Prefix: envPrefix, Environment: env.ToMap(a.environ)})
	if err != nil {
		err = describeEnv(err)
	}
	otel, wrong := a.otel()
	if err = errors.Join(err, wrong); err != nil {
		return s, err
	}
	s.OTel = otel
	if marker, ok := a.lookupEnv(envPrefix + "MARKER_HEADER"); ok && marker == "" {
		s.MarkerHeader = headerLine{} // env takes it for one that is not set
	}
	if name, ok := a.lookupEnv(envPrefix + "PAUSE_HEADER"); ok && name == "" {
		s.PauseHeader = "" // the same
	}
	return s, nil
}

// envMistakes are what is wrong in the environment: VARIABLE: what it wants.
type envMistakes []string

func (m envMistakes) Error() string { return strings.Join(m, "\n") }

// describeEnv puts a parse error in words of ours. Every field has a type of this
// package, so the text of a cause is ours too.
func describeEnv(err error) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return errors.New("reading the environment: the settings cannot be parsed")
	}
	var lines envMistakes
	for _, one := range all.Errors {
		var parse env.ParseError
		if !errors.As(one, &parse) {
			lines = append(lines, fmt.Sprintf("reading the environment: an error of type %T", one))
			continue
		}
		for _, v := range variables() {
			if v.field == parse.Name {
				lines = append(lines, fmt.Sprintf("%s: %v", v.Name, parse.Err))
			}
		}
	}
	return lines
}

// unknownVariables warns about variables that begin like ours and are none: a
// slip in a name must not pass for a default. Values are not looked at.
func (a *app) unknownVariables() (warnings []string) {
	known := variables()
	seen := map[string]bool{}
	for _, v := range known {
		seen[v.Name] = true
	}
	for _, entry := range a.environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || seen[name] {
			continue
		}
		seen[name] = true
		warning := fmt.Sprintf("the environment variable %s means nothing", name)
		if near := nearest(name, known); near != "" {
			warning += "; did you mean " + near + "?"
		}
		warnings = append(warnings, warning)
	}
	return warnings
}

// options are what the settings say about how flows are run.
func (a *app) options(s settings) checks.Options {
	return checks.Options{
		UserAgent:   s.userAgent(),
		MarkerName:  s.MarkerHeader.name,
		MarkerValue: s.MarkerHeader.value,
		PauseHeader: string(s.PauseHeader),
		AllowEnv:    s.AllowEnv,
		LookupEnv:   a.lookupEnv,
		Shard:       s.Shard.Shard,
		MaxLogins:   s.MaxLogins.Limit,

		AccountShare: s.AccountShare.Shard,
	}
}

func (s settings) userAgent() string {
	agent := "authprober/" + version().Version
	if s.Contact != "" {
		agent += " (+" + string(s.Contact) + ")"
	}
	return agent
}
