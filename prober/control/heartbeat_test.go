package control

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestHeartbeat(t *testing.T) {
	var status, asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.WriteHeader(int(status.Load()))
	}))
	defer server.Close()
	core, lines := observer.New(zap.InfoLevel)
	var dead error
	h := &Heartbeat{URL: parse(t, server.URL+"/SECRET"), Log: zap.New(core), Alive: func(_ context.Context, slack time.Duration) error {
		if slack != heartbeatEvery {
			t.Errorf("asked with a slack of %v", slack)
		}
		return dead
	}}
	for i, c := range []struct {
		status int64
		dead   error
		asked  int64
		lines  []string
	}{
		{200, nil, 1, nil},
		{204, nil, 2, nil},
		{404, nil, 3, []string{"the heartbeat is not heard"}},
		{302, nil, 4, nil}, // it is not followed
		{200, errors.New("the schedule is stuck"), 4, nil},
		{200, nil, 5, []string{"the heartbeat is heard again"}},
		{200, errors.New("the schedule is stuck"), 5, []string{"the heartbeat is not heard"}},
	} {
		status.Store(c.status)
		dead = c.dead
		h.note(t.Context(), h.beat(t.Context()))
		var said []string
		for _, line := range lines.TakeAll() {
			said = append(said, line.Message)
			for _, f := range line.Context {
				if err, ok := f.Interface.(error); ok && strings.Contains(err.Error(), "SECRET") {
					t.Errorf("the log has the URL: %v", err)
				}
			}
		}
		if asked.Load() != c.asked || strings.Join(said, ";") != strings.Join(c.lines, ";") {
			t.Errorf("%d: asked %d times and said %q, want %d and %q", i, asked.Load(), said, c.asked, c.lines)
		}
	}
	if beats, failed := h.Counts(); beats != 7 || failed != 4 {
		t.Errorf("%d beats, %d failed, want 7 and 4", beats, failed)
	}
	server.Close()
	if err := h.beat(t.Context()); err == nil {
		dead = nil
		if err = h.beat(t.Context()); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("nobody is there, and got %v", err)
		}
	}
	if beats, failed := (*Heartbeat)(nil).Counts(); beats != 0 || failed != 0 {
		t.Error("nil has counts")
	}
}

// A beat that the shutdown cuts short is none.
func TestHeartbeatShutdown(t *testing.T) {
	h := &Heartbeat{URL: parse(t, "http://127.0.0.1:1/"), Log: zap.NewNop(), Alive: func(ctx context.Context, _ time.Duration) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.Run(ctx) }()
	cancel()
	<-done
	if beats, _ := h.Counts(); beats != 0 {
		t.Errorf("%d beats", beats)
	}
}

// What comes back that is no HTTP is in no error.
func TestHeartbeatRepeatsNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answers := []string{"SECRET\r\n\r\n", "HTTP/1.1 SECRET\r\n\r\n", "HTTP/1.1 200 OK\r\nSECRET\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: SECRET\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: SECRET\r\n\r\n"}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, answer := range answers {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			http.ReadRequest(bufio.NewReader(c))
			io.WriteString(c, answer)
			c.Close()
		}
	}()
	h := &Heartbeat{URL: parse(t, "http://"+listener.Addr().String()+"/"), Log: zap.NewNop(), Alive: func(context.Context, time.Duration) error { return nil }}
	for _, answer := range answers {
		if err := h.beat(t.Context()); err == nil || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%q: got the error %v", answer, err)
		}
	}
	listener.Close()
	<-done
}
