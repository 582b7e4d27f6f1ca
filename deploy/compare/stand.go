package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

//go:embed config
var configs embed.FS

// A stand is a bank, and a tool that looks at it.
type stand struct {
	tool
	bank    *bank
	dir     string        // its own, with the configuration of all tools
	pages   string        // the URL that gets pages
	runsFor time.Duration // of a tool that ends by itself

	process *process
	base    string // the URL of the tool's web server
	stopped context.CancelFunc
	driven  struct { // what drive has done, and the closing of ended when it does no more
		runs, failed atomic.Int64
		ended        chan struct{}
	}
}

// newStand starts a bank of the seed, and nothing else.
func (h *harness) newStand(ctx context.Context, t tool, seed uint64, pages string) (*stand, error) {
	dir, err := os.MkdirTemp(h.dir, t.name+"-")
	if err != nil {
		return nil, err
	}
	s := &stand{tool: t, dir: dir, pages: pages, runsFor: h.settle + h.measure + 2*time.Second}
	if s.bank, err = startBank(ctx, h.paths["authprober"], dir, seed); err != nil {
		return nil, err
	}
	if err := writeConfigs(dir, map[string]string{"BANK_USERNAME": s.bank.username, "BANK_PASSWORD": s.bank.password}); err != nil {
		s.bank.stop()
		return nil, err
	}
	return s, nil
}

// writeConfigs puts all configuration into dir, with ${NAME} replaced where the tool reads
// no environment.
func writeConfigs(dir string, values map[string]string) error {
	return fs.WalkDir(configs, "config", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := configs.ReadFile(path)
		if err != nil {
			return err
		}
		if filepath.Base(path) == "blackbox.yml" {
			for name, value := range values {
				text = []byte(strings.ReplaceAll(string(text), "${"+name+"}", value))
			}
		}
		return os.WriteFile(filepath.Join(dir, filepath.Base(path)), text, 0o600)
	})
}

func (s *stand) credentials() []string {
	return []string{"BANK_URL=" + s.bank.url, "BANK_USERNAME=" + s.bank.username, "BANK_PASSWORD=" + s.bank.password}
}

// begin starts the tool; with drive, what it does not do by itself is done for it.
func (s *stand) begin(ctx context.Context, path string, drive bool) error {
	err := onFreePort(ctx, func(port int) (err error) {
		environ, args := s.command(s, port)
		s.base = fmt.Sprintf("http://127.0.0.1:%d", port)
		url := ""
		if s.ready != "" {
			url = s.base + s.ready
		}
		s.process, err = start(environ, path, args...)
		return started(ctx, s.process, err, url)
	})
	if err != nil {
		return fmt.Errorf("starting %s: %w", s.name, err)
	}
	if s.drive != nil && drive {
		ctx, s.stopped = context.WithCancel(ctx)
		s.driven.ended = make(chan struct{})
		go s.keepDriving(ctx)
	}
	return nil
}

func (s *stand) keepDriving(ctx context.Context) {
	defer close(s.driven.ended)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		failed, err := s.drive(ctx, s, s.base)
		if ctx.Err() != nil {
			return
		}
		s.driven.runs.Add(1)
		if failed || err != nil {
			s.driven.failed.Add(1)
		}
	}
}

// end stops the tool, then the bank. It may be called more than once.
func (s *stand) end() {
	if s.stopped != nil {
		s.stopped()
		<-s.driven.ended
	}
	if s.process != nil {
		s.process.stop()
	}
	s.bank.stop()
}

func (s *stand) summary() string { return filepath.Join(s.dir, "summary.json") }

// count is what the tool says it has done. For one that ends by itself it waits for that.
func (s *stand) count(ctx context.Context) (c count, err error) {
	switch {
	case s.drive != nil:
		return count{float64(s.driven.runs.Load()), float64(s.driven.failed.Load())}, nil
	case s.ends:
		select {
		case <-s.process.done:
		case <-ctx.Done():
			return c, ctx.Err()
		}
		text, err := os.ReadFile(s.summary())
		if err != nil {
			return c, errors.Join(err, s.process.alive())
		}
		return c, json.Unmarshal(text, &c)
	}
	if err := s.process.alive(); err != nil {
		return c, err
	}
	text, err := call(ctx, "GET", s.base+"/metrics", "")
	return count{s.runs.sum(text), s.failed.sum(text)}, err
}

// done is how many of its flows the bank has seen whole: those of a tool that makes the
// login alone are logins.
func (s *stand) done(b seen) int64 {
	if s.single {
		return b.logins
	}
	return b.flows
}
