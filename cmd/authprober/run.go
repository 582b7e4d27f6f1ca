package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/web"
)

func (a *app) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run PATH...",
		Short: "Run flows on their schedules, with /metrics",
		Long: `Run flows on their schedules until a signal comes, and serve metrics, health and a
status page. Each run is a line of the log on standard error.

SIGHUP, or POST /-/reload with AUTHPROBER_ADMIN=on, has flows, accounts and secrets read
again. With any mistake in them all goes on as it was, and the log has the mistakes. Checks that stay the same keep their schedule
and their evidence. Write files elsewhere and rename them: half of a flow can be a flow.

The first SIGINT or SIGTERM ends it gracefully: no run begins any more, those in
flight log out, and then it ends with 0. A second one ends it at once. Mistakes in
flows, accounts or environment end it with 2 before anything is probed; an address
that is in use, like that of another authprober, with 3.

With OTEL_EXPORTER_OTLP_ENDPOINT each run is exported as a trace, and with
OTEL_METRICS_EXPORTER=otlp metrics are pushed, as docs/tracing.md says. Started by
systemd with Type=notify, it says when it is ready, and gives signs of life.

Environment:
` + environmentHelp(),
		Example: `  authprober run flows/
  AUTHPROBER_LISTEN=:9870 AUTHPROBER_CONTACT=sre@bank.example authprober run /etc/authprober`,
		Args: somePaths,
		RunE: action(func(cmd *cobra.Command, args []string) error { return a.daemon(cmd.Context(), args) }),
	}
}

// daemon runs the flows until ctx is done.
func (a *app) daemon(ctx context.Context, paths []string) (err error) {
	outliveLog()
	settle := frugal()
	hup, stop := hangups()
	defer stop()
	s, store, config, err := a.loadAndOpen(paths, sampling)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := s.checkAdmin(); err != nil {
		return err
	}
	log := a.logger(s)
	defer zap.RedirectStdLog(log.Logger)() // net/http speaks to it
	a.limitMemory(s.MemoryLimit, log.Logger)
	begin := func(config *checks.Config) {
		a.logWarnings(log, config)
		watchAccounts(log.Logger, config.Accounts)
	}
	begin(config)
	// Before anything is probed, so that a second daemon does not use the accounts
	// of the first.
	listener, err := web.Listen(ctx, string(s.Listen))
	if err != nil {
		return err
	}
	notify, err := a.notifying(s, listener, log)
	if err != nil {
		listener.Close()
		return err
	}
	past, err := openHistory(ctx, s, log)
	if err != nil {
		listener.Close()
		return unlessStopped(ctx, err)
	}
	defer func() { err = errors.Join(err, past.Close()) }()
	looks, err := s.control(log.Logger)
	if err != nil {
		listener.Close()
		return err
	}
	defer func() { err = errors.Join(err, looks.Close()) }()
	d, err := newDaemon(ctx, daemonOptions{
		otel: s.OTel, manager: a.manager(), control: looks, heartbeat: s.Heartbeat, userAgent: s.userAgent(),
		config: config, listener: listener, webConfig: s.WebConfig, log: log, grace: time.Duration(s.Grace),
		paused: s.PauseFile.paused(log.Logger), notify: notify, history: past, shown: s.shown(), adminOn: bool(s.Admin),
	})
	if err != nil {
		listener.Close()
		return err
	}
	log.Info("running", zap.String("version", version().Version), zap.String("url", d.url()),
		zap.Int("count", len(config.Checks)), zap.Int("of_other_shards", len(config.Elsewhere)), zap.Strings("checks", firstNames(config.Checks)))
	settle()
	again := &reloader{daemon: d, begin: begin, log: log.Logger, load: func() (*checks.Config, error) {
		return a.loadWith(s, store, paths, sampling)
	}}
	d.reload = again.reload
	var reloading sync.WaitGroup
	defer reloading.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reloading.Go(func() { again.reloadOn(ctx, hup) })
	err = d.run(ctx)
	log.Info("stopped", zap.Error(err))
	return err
}

// unlessStopped is what a daemon ends with that could not begin: one that was told to
// stop meanwhile has done as it was told.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// mostNamed is how many checks a line of the log names.
const mostNamed = 20

// firstNames are the names of the first checks, for a line that says beside them how
// many there are.
func firstNames(all []*prober.Check) []string {
	return checkNames(all[:min(len(all), mostNamed)])
}

func (a *app) logWarnings(log logger, config *checks.Config) {
	for _, w := range config.Warnings {
		at := []zap.Field{zap.String("file", w.File), zap.Int("line", w.Line), zap.String("warning", w.Message)}
		if w.File == "" { // it is of no file
			at = at[2:]
		}
		log.Warn("configuration", at...)
	}
	for _, w := range a.unknownVariables() {
		log.Warn("configuration", zap.String("warning", w))
	}
}

// environmentHelp lists the variables, with what they are for, in 80 columns.
func environmentHelp() string {
	var b strings.Builder
	for _, v := range variables() {
		fmt.Fprintf(&b, "\n  %s", v.Name)
		if v.Default != "" {
			fmt.Fprintf(&b, " (%s)", v.Default)
		}
		b.WriteString("\n" + wrap(v.About, "      ", 80))
	}
	return strings.TrimRight(b.String(), "\n")
}

// wrap breaks a text into lines of at most n columns that begin with indent.
func wrap(text, indent string, n int) string {
	var b strings.Builder
	line := indent
	for word := range strings.FieldsSeq(text) {
		if width(line)+1+width(word) > n && line != indent {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}
