package main

import (
	"io"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// A logger writes to standard error; its level may change while it is in use.
type logger struct {
	*zap.Logger
	level zap.AtomicLevel
}

func (a *app) logger(s settings) logger {
	at := zap.NewAtomicLevelAt(zapcore.Level(s.LogLevel))
	core := zapcore.NewCore(a.encoder(s.LogFormat), zapcore.Lock(writeSyncer{a.stderr}), at)
	return logger{zap.New(core), at}
}

// encoder writes JSON with RFC 3339 times and durations in seconds, or lines for
// people.
func (a *app) encoder(f logFormat) zapcore.Encoder {
	_, isTerminal := terminal(a.stderr)
	c := zap.NewProductionEncoderConfig()
	c.TimeKey, c.EncodeTime = "time", zapcore.RFC3339NanoTimeEncoder
	if f == "json" || f == "auto" && !isTerminal {
		return zapcore.NewJSONEncoder(c)
	}
	c.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	c.EncodeDuration = zapcore.StringDurationEncoder
	c.EncodeLevel = zapcore.CapitalLevelEncoder
	if a.paintFor(a.stderr).on {
		c.EncodeLevel = zapcore.CapitalColorLevelEncoder
	}
	return zapcore.NewConsoleEncoder(c)
}

// A writeSyncer is a writer without anything to sync: standard error is not
// buffered, and to sync a terminal is an error.
type writeSyncer struct{ io.Writer }

func (writeSyncer) Sync() error { return nil }
