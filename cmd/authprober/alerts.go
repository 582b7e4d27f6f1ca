package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/alertmanager"
)

// Alertmanagers are where alerts are given directly; none by default.
type alertmanagers []*url.URL

func (a *alertmanagers) UnmarshalText(text []byte) error {
	const want = "want URLs of Alertmanagers separated by commas, like http://127.0.0.1:9093"
	known := map[string]bool{}
	for one := range strings.SplitSeq(string(text), ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		u, err := url.Parse(one)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "":
			return errors.New(want)
		case u.User != nil:
			return fmt.Errorf("want no user and no password in a URL; name a file of them in %sALERTMANAGER_CONFIG_FILE", envPrefix)
		case strings.Contains(u.Path, "/api/"):
			return errors.New(want + ", without /api/v2/alerts")
		}
		u.Path = strings.TrimSuffix(u.Path, "/")
		if name := alertmanager.Name(u); !utf8.ValidString(name) || known[name] {
			return errors.New(want + ", each once")
		}
		known[alertmanager.Name(u)] = true
		*a = append(*a, u)
	}
	return nil
}

// alertmanagers are the names of those that get alerts directly.
func (o daemonOptions) alertmanagers() (all []string) {
	if o.notify == nil {
		return nil
	}
	for _, u := range o.notify.URLs {
		all = append(all, alertmanager.Name(u))
	}
	return all
}

// A clientConfig is the path of a file that says how to speak to Alertmanagers; "" is none.
type clientConfig string

func (c *clientConfig) UnmarshalText(text []byte) error {
	if _, err := os.Stat(string(text)); err != nil {
		return fmt.Errorf("want a file that can be read: %w", withoutPath(err))
	}
	if _, err := alertmanager.Client(string(text), ""); err != nil {
		return err
	}
	*c = clientConfig(text)
	return nil
}

// AlertLabels are labels for alerts that are given directly. A name with an empty value is none.
type alertLabels map[string]string

func (l *alertLabels) UnmarshalText(text []byte) error {
	all := alertLabels{}
	for pair := range strings.SplitSeq(string(text), ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || !utf8.ValidString(value) {
			return errors.New("want labels like job=authprober,instance=probe-1:9870")
		}
		if err := alertmanager.ValidLabel(name); err != nil {
			return fmt.Errorf("want labels like job=authprober,instance=probe-1:9870: %w", err)
		}
		if _, twice := all[name]; twice {
			return errors.New("want each label once, like job=authprober,instance=probe-1:9870")
		}
		all[name] = value
	}
	*l = all
	return nil
}

// labels are those of the alerts of a daemon that is met at the given host:port: what a
// scrape of it by the shipped configuration would add, and what the settings say.
func (l alertLabels) labels(at string) map[string]string {
	all := map[string]string{"job": "authprober", "instance": at}
	maps.Copy(all, l)
	return all
}

// notifying says how the daemon gives alerts directly; nil where it does not.
func (a *app) notifying(s settings, listener net.Listener, log logger) (*alertmanager.Options, error) {
	if len(s.Alertmanagers) == 0 {
		return nil, nil
	}
	client, err := alertmanager.Client(string(s.AlertmanagerConfig), "authprober/"+version().Version)
	if err != nil {
		return nil, err
	}
	at := metAt(listener)
	return &alertmanager.Options{
		URLs:         s.Alertmanagers,
		Client:       client,
		Labels:       s.AlertLabels.labels(at),
		GeneratorURL: s.WebConfig.scheme() + "://" + at + "/",
		Log:          log.Logger,
		Grace:        min(time.Duration(s.Grace), 5*time.Second), // one that is away must not hold up the end
	}, nil
}

// settleWithin is how long a disk may hold up what is told to Alertmanager.
const settleWithin = time.Second

// metAt is where others may meet the daemon: the machine's name stands for every interface.
func metAt(listener net.Listener) string {
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			host = name
		}
	}
	return net.JoinHostPort(host, port)
}

// newNotifier is the one of the options; nil where alerts are not given directly.
func (d *daemon) newNotifier(o daemonOptions) (*alertmanager.Notifier, error) {
	if o.notify == nil {
		return nil, nil
	}
	with := *o.notify
	with.Status = func() []prober.CheckStatus { return d.judge.All(time.Now()) }
	with.Told = func(name string, failure prober.NotifyFailure) { d.metrics.ObserveNotification(name, failure) }
	past := o.history
	with.Settle = func() { past.Settle(settleWithin) }
	return alertmanager.New(with)
}

// tell begins to give alerts directly. What it returns ends that, after what the last
// runs came to has been told, and resolves nothing.
func (d *daemon) tell(ctx context.Context) (stop func()) {
	if d.notifier == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var telling sync.WaitGroup
	telling.Go(func() { d.notifier.Run(ctx) })
	return func() { cancel(); telling.Wait() }
}
