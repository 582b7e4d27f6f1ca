package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// bareWord, as the only argument, makes this program the bare client.
const bareWord = "bare-client"

// A bare is the simplest client there is: each run a new connection, three requests, and
// the JSON of each answer read. It is what a run cannot cost less than, in Go.
type bare struct {
	url, username, password string
	runs, failed            atomic.Int64
}

// bareClient runs one every interval until ctx is done. It serves the counts at /metrics.
func bareClient(ctx context.Context, getenv func(string) string, out io.Writer) error {
	b := &bare{url: getenv("BANK_URL"), username: getenv("BANK_USERNAME"), password: getenv("BANK_PASSWORD")}
	listener, err := net.Listen("tcp", getenv("LISTEN"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: b}
	go server.Serve(listener) // ends with Close
	defer server.Close()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			_, err := fmt.Fprintf(out, "%d runs, %d failed\n", b.runs.Load(), b.failed.Load())
			return err
		case <-tick.C:
			if b.run(context.WithoutCancel(ctx)) != nil { // what has begun is ended: it has been seen
				b.failed.Add(1)
			}
			b.runs.Add(1)
		}
	}
}

func (b *bare) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, "bare_runs_total %d\nbare_failed_total %d\n", b.runs.Load(), b.failed.Load())
}

func (b *bare) run(ctx context.Context) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, Timeout: time.Second}
	credentials, err := json.Marshal(map[string]string{"username": b.username, "password": b.password})
	if err != nil {
		return err
	}
	var session struct {
		AccessToken string `json:"access_token"`
	}
	if err := ask(ctx, c, "POST", b.url+"/v1/login", "", credentials, 200, &session); err != nil {
		return err
	}
	var list struct{ Accounts []any }
	if err := ask(ctx, c, "GET", b.url+"/v1/accounts", session.AccessToken, nil, 200, &list); err != nil {
		return err
	}
	if len(list.Accounts) == 0 {
		return fmt.Errorf("no accounts")
	}
	return ask(ctx, c, "POST", b.url+"/v1/logout", session.AccessToken, nil, 204, nil)
}

// ask makes one request and reads the JSON of its answer into into, unless that is nil.
func ask(ctx context.Context, c *http.Client, method, url, token string, body []byte, want int, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != want {
		return fmt.Errorf("status %d, want %d", res.StatusCode, want)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
