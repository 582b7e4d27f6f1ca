package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/authprober/authprober/prober/history"
)

// ofTheSettings stands for the history of the daemon that has the same environment.
const ofTheSettings = "AUTHPROBER_STATE_DIR"

// historyFile is the path of the history that --from-history names.
func (s settings) historyFile(flag string) (string, error) {
	switch {
	case flag != "" && flag != ofTheSettings:
		return flag, nil
	case s.StateDir == "":
		return "", errors.New("there is no history: " + envPrefix + "STATE_DIR is not set; set it as the daemon has it, or name the file: --from-history=FILE")
	}
	return filepath.Join(string(s.StateDir), history.FileName), nil
}

// replay puts what a daemon has recorded through the detector.
func (b *backtest) replay(ctx context.Context, s settings, flag string, warnings io.Writer) (err error) {
	path, err := s.historyFile(flag)
	if err != nil {
		return misconfigured(err)
	}
	db, err := history.OpenReadOnly(ctx, path)
	if err != nil {
		return misconfigured(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var text []byte
	tags := map[string]string{}
	group := b.check.Begin == nil
	leftOut, err := history.Replay(ctx, db, b.check.Name, func(p *history.Past) error {
		text = p.End.UTC().AppendFormat(text[:0], "2006-01-02T15:04:05.000Z07:00")
		run := recorded{text: text, at: p.End, outcome: p.Outcome, tags: p.Tags}
		if group {
			clear(tags)
			for k, v := range p.Tags {
				tags[k] = v
			}
			tags["check"] = p.Check
			run.tags = tags
		}
		return b.observe(&run)
	})
	if leftOut > 0 {
		fmt.Fprintf(warnings, "%d %s left out: of the time before %s only failures are kept\n", leftOut, plural(leftOut, "run"),
			b.first.UTC().Format(time.RFC3339))
	}
	return err
}
