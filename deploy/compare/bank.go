package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// users is how many customers a bank has, so that no account is in use where one is due.
const users = 400

// A bank is a staging bank: five backends, and a login that needs no code. A connection
// meets one of them, by chance.
type bank struct {
	*process
	url      string // without a slash at its end
	host     string // of url
	accounts string // a file: the pool retail

	username, password string // of one customer, for tools that have one
}

// startBank starts a bank that keeps its file of accounts in dir.
func startBank(ctx context.Context, authprober, dir string, seed uint64) (b *bank, err error) {
	b = &bank{accounts: filepath.Join(dir, "accounts.yaml")}
	err = onFreePort(ctx, func(port int) (err error) {
		b.host = fmt.Sprintf("127.0.0.1:%d", port)
		b.url = "http://" + b.host
		b.process, err = start(nil, authprober, "bank", "--listen", b.host, "--seed", strconv.FormatUint(seed, 10),
			"--users", strconv.Itoa(users), "--password-only", "--accounts-file", b.accounts)
		return started(ctx, b.process, err, b.url+"/v1/status")
	})
	if err != nil {
		return nil, fmt.Errorf("starting the bank: %w", err)
	}
	text, err := os.ReadFile(b.accounts)
	if err == nil {
		b.username, b.password, err = plainCustomer(string(text))
	}
	if err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

var customer = regexp.MustCompile(`username: '([A-Za-z0-9.@_-]+)'\n\s+password: '([A-Za-z0-9.@_-]+)'\n`)

// plainCustomer finds one in a file of accounts whose name and password need quotes in no
// language: other tools are not to be tested for that.
func plainCustomer(accounts string) (username, password string, err error) {
	m := customer.FindStringSubmatch(accounts)
	if m == nil {
		return "", "", fmt.Errorf("no customer of %d has a plain name and password", users)
	}
	return m[1], m[2], nil
}

// A seen is what a bank has seen.
type seen struct {
	logins int64 // requests, whatever became of them
	flows  int64 // that came to their logout
	faults int64 // requests that met one
}

func (b *bank) seen(ctx context.Context) (seen, error) {
	text, err := call(ctx, "GET", b.url+"/-/stats", "")
	if err != nil {
		return seen{}, err
	}
	var stats struct {
		Requests map[string]int64
		Faults   []struct{ Count int64 }
		Total    struct{ Logouts int64 }
	}
	if err := json.Unmarshal([]byte(text), &stats); err != nil {
		return seen{}, fmt.Errorf("reading what the bank has seen: %w", err)
	}
	s := seen{logins: stats.Requests["login"], flows: stats.Total.Logouts}
	for _, f := range stats.Faults {
		s.faults += f.Count
	}
	return s, nil
}

func (s seen) minus(t seen) seen {
	return seen{s.logins - t.logins, s.flows - t.flows, s.faults - t.faults}
}

// fault adds one, in words like step=login rate=3%.
func (b *bank) fault(ctx context.Context, words string) error {
	_, err := call(ctx, "POST", b.url+"/-/faults", words)
	return err
}
