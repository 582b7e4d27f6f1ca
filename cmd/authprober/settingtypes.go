package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/prober/web"
)

// The types of settings read themselves from text. Their errors say what is
// wanted and never what was got.

// An address is a TCP address to listen on, host:port.
type address string

func (a *address) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	if err != nil {
		return errors.New("want host:port, like 127.0.0.1:9870 or :9870")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return errors.New("want a port from 0 to 65535")
	}
	*a = address(text)
	return nil
}

// A webConfig is the path of a web configuration file; "" is none.
type webConfig string

// quoted is what the YAML library repeats of a file in its errors: the file may
// hold password hashes.
var quoted = regexp.MustCompile("`[^`]*`")

func (w *webConfig) UnmarshalText(text []byte) error {
	path := string(text)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("want a file that can be read: %w", withoutPath(err))
	}
	if err := web.Validate(path); err != nil {
		if cause := errors.Unwrap(err); cause != nil {
			err = cause // without the path
		}
		return fmt.Errorf("want a valid web configuration of the exporter-toolkit: %s",
			strings.ReplaceAll(quoted.ReplaceAllString(err.Error(), "a value"), path, "the file"))
	}
	*w = webConfig(path)
	return nil
}

// withoutPath drops the path from an error of the file system.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

// A level is the least level that is logged.
type level zapcore.Level

func (l *level) UnmarshalText(text []byte) error {
	for _, known := range []zapcore.Level{zapcore.DebugLevel, zapcore.InfoLevel, zapcore.WarnLevel, zapcore.ErrorLevel} {
		if strings.EqualFold(string(text), known.String()) {
			*l = level(known)
			return nil
		}
	}
	return errors.New("want debug, info, warn or error")
}

// A logFormat is json, console or auto.
type logFormat string

func (f *logFormat) UnmarshalText(text []byte) error {
	*f = logFormat(strings.ToLower(string(text)))
	if !slices.Contains([]logFormat{"auto", "json", "console"}, *f) {
		return errors.New("want auto, json or console")
	}
	return nil
}

// Names are names of environment variables.
type names []string

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (n *names) UnmarshalText(text []byte) error {
	for name := range strings.SplitSeq(string(text), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !envName.MatchString(name) {
			return errors.New("want names of environment variables, separated by commas")
		}
		*n = append(*n, name)
	}
	return nil
}

// A contact is part of a comment in a header field, RFC 9110 section 5.6.5.
type contact string

var contactText = regexp.MustCompile(`^[!-'*-\[\]-~](?:[ -'*-\[\]-~]{0,198}[!-'*-\[\]-~])?$`)

func (c *contact) UnmarshalText(text []byte) error {
	if !contactText.Match(text) {
		return errors.New(`want at most 200 characters of ASCII without ( ) and \, such as a mail address`)
	}
	*c = contact(text)
	return nil
}

// A headerLine is a header field, "Name: value"; the zero value is none.
type headerLine struct{ name, value string }

// A field's name is a token, and its value visible ASCII with spaces within:
// RFC 9110 sections 5.1, 5.5 and 5.6.2.
var fieldLine = regexp.MustCompile("^([A-Za-z0-9!#$%&'*+.^_`|~-]+):[ \t]*([!-~](?:[ \t!-~]*[!-~])?)[ \t]*$")

// reserved are the fields that a request has anyway, and what frames it.
var reserved = []string{"authorization", "connection", "content-length", "content-type", "cookie", "host",
	"te", "traceparent", "tracestate", "trailer", "transfer-encoding", "upgrade", "user-agent"}

func (h *headerLine) UnmarshalText(text []byte) error {
	m := fieldLine.FindSubmatch(text)
	if m == nil {
		return errors.New("want a header field, like X-Synthetic-Probe: authprober")
	}
	h.name, h.value = string(m[1]), string(m[2])
	if slices.Contains(reserved, strings.ToLower(h.name)) {
		return errors.New("want a header field that requests do not have anyway, like X-Synthetic-Probe: authprober")
	}
	return nil
}

// A maxLogins is how often accounts may log in; the zero value is no limit.
type maxLogins struct{ accounts.Limit }

func (l *maxLogins) UnmarshalText(text []byte) error {
	f, err := checks.ParseFrequency(string(text))
	if err != nil || f.Count > 10_000 || f.Per < time.Second || f.Per > 24*time.Hour {
		return errors.New("want 1 to 10000 logins in a time from a second to a day, like 60 per minute")
	}
	l.Limit = accounts.Limit{Logins: f.Count, Per: f.Per}
	return nil
}

// A period is a length of time above zero.
type period time.Duration

func (p *period) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d <= 0 || d > time.Hour {
		return errors.New("want a time above 0s and at most 1h, like 10s")
	}
	*p = period(d)
	return nil
}
