package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	liveEvery     = time.Second      // between two messages, at the least
	liveHeartbeat = 15 * time.Second // between two of them, at the most
	liveBacklog   = 8                // messages that may wait for a client before it is dropped
	mostClients   = 200
)

// A broadcaster tells pages what has changed, as server-sent events. One goroutine
// makes each message once, for all of them; it is there while anybody listens. A
// client that does not keep up is dropped, and comes back by itself.
type broadcaster struct {
	touched    func(since time.Time) []string                                                   // the checks of which something has changed since then
	generation func() string                                                                    // of the checks that there are
	rows       func(names []string, wanted func(name string, rank int) bool) (*liveRows, error) // what a page shows of those that are wanted
	shown      func(query url.Values) (names map[string]bool, whole, moves bool)                // what a page of that query shows; nil is all. Nil knows none but that
	log        *zap.Logger

	mu      sync.Mutex
	clients map[*liveClient]struct{}
	stop    chan struct{} // ends the goroutine; nil while there is none
	done    chan struct{} // closed when it has ended
}

// A liveClient is one page.
type liveClient struct {
	check    string      // whose changes alone it wants to know of; "" for rows
	of       string      // the generation of checks that its page was made of; "" for any
	messages chan []byte // closed when it is dropped
	packs    bool        // messages are packed

	mu    sync.Mutex
	shown map[string]bool // the checks whose rows its page has; nil for all
	whole bool            // and any that is in trouble belongs on it
}

// wants reports whether the page shows a row of that check, and of that rank from now on.
func (c *liveClient) wants(name string, rank int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shown == nil || c.shown[name] {
		return true
	}
	if c.whole && rank < rankHealthy {
		c.shown[name] = true
		return true
	}
	return false
}

// live is where a page that is made now listens, for the changes of one check or, "", of
// what the overview of a query shows.
func (p *pages) live(now time.Time, check string, query url.Values) string {
	q := url.Values{"since": {strconv.FormatInt(now.UnixMilli(), 10)}, "of": {p.generation()}}
	if check != "" {
		q.Set("check", check)
	}
	for _, name := range []string{"group", "team", "state", "page"} {
		if v := query.Get(name); v != "" {
			q.Set(name, v)
		}
	}
	return "/live?" + q.Encode()
}

// ServeHTTP serves the stream until the client goes, or is too slow, or the server
// closes.
func (b *broadcaster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	stream := http.NewResponseController(w)
	c := b.newClient(r)
	since := b.since(r)
	if !b.join(c) {
		w.Header().Set("Retry-After", "10")
		answer(w, http.StatusServiceUnavailable, "too many pages are open")
		return
	}
	defer b.leave(c)
	stream.SetReadDeadline(time.Time{}) // the server's limits are for answers that end
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Add("Vary", "Accept-Encoding")
	send := func(message []byte) bool {
		stream.SetWriteDeadline(time.Now().Add(writeTimeout))
		_, err := w.Write(message)
		return err == nil && stream.Flush() == nil
	}
	if c.packs {
		w.Header().Set("Content-Encoding", "gzip")
		if !send(gzipHead) {
			return
		}
	}
	if !send(b.message(c, b.touched(since), time.Now(), nil)) {
		return
	}
	for {
		select {
		case message, ok := <-c.messages:
			if !ok || !send(message) {
				return
			}
		case <-r.Context().Done():
			return
		case <-closing(r.Context()):
			return
		}
	}
}

// newClient is a page that asks. One that comes back after a while, and has a part of the
// checks, has perhaps another part than it would have now: it is told to come again.
func (b *broadcaster) newClient(r *http.Request) *liveClient {
	c := &liveClient{check: r.FormValue("check"), of: r.FormValue("of"), messages: make(chan []byte, liveBacklog), packs: takesGzip(r.Header.Get("Accept-Encoding"))}
	if c.check == "" && b.shown != nil {
		var moves bool
		c.shown, c.whole, moves = b.shown(r.Form)
		if moves && r.Header.Get("Last-Event-ID") != "" {
			c.of = "of the past"
		}
	}
	return c
}

// since is how far the client's page is up to date: what it was made with, or the
// last message that it has got.
func (b *broadcaster) since(r *http.Request) time.Time {
	for _, text := range []string{r.Header.Get("Last-Event-ID"), r.FormValue("since")} {
		if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
			return time.UnixMilli(ms)
		}
	}
	return time.Now()
}

func (b *broadcaster) join(c *liveClient) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.clients) >= mostClients {
		return false
	}
	if b.clients == nil {
		b.clients = map[*liveClient]struct{}{}
	}
	b.clients[c] = struct{}{}
	if b.stop == nil {
		b.stop, b.done = make(chan struct{}), make(chan struct{})
		go b.run(b.stop, b.done)
	}
	return true
}

// leave forgets a client. The last one waits for the goroutine to end.
func (b *broadcaster) leave(c *liveClient) {
	b.mu.Lock()
	delete(b.clients, c)
	if len(b.clients) > 0 || b.stop == nil {
		b.mu.Unlock()
		return
	}
	close(b.stop)
	done := b.done
	b.stop, b.done = nil, nil
	b.mu.Unlock()
	<-done
}

func (b *broadcaster) run(stop, done chan struct{}) {
	defer close(done)
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	last := time.Now()
	spoke := last
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			names := b.touched(last)
			last = now
			if len(names) > 0 || now.Sub(spoke) >= liveHeartbeat {
				spoke = now
				b.tell(names, now)
			}
		}
	}
}

// tell hands the changes to every client, and drops those that have not taken in
// what they were told before. Those that show all are told the same.
func (b *broadcaster) tell(names []string, now time.Time) {
	b.mu.Lock()
	clients := slices.Collect(maps.Keys(b.clients))
	b.mu.Unlock()
	rows, same := b.render(names, clients), map[string][]byte{}
	for _, c := range clients {
		kind := fmt.Sprint(c.of, c.packs)
		message, made := same[kind]
		if !made || c.check != "" || c.shown != nil {
			message = b.message(c, names, now, rows)
		}
		if c.check == "" && c.shown == nil {
			same[kind] = message
		}
		b.hand(c, message)
	}
}

// hand gives a message to a client, unless it has left, and drops it if it is too slow.
func (b *broadcaster) hand(c *liveClient, message []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, there := b.clients[c]; !there {
		return
	}
	select {
	case c.messages <- message:
	default:
		delete(b.clients, c)
		close(c.messages)
	}
}

// render makes the rows that any of the clients shows, once; nil if they cannot be made, or there
// are none.
func (b *broadcaster) render(names []string, clients []*liveClient) *liveRows {
	if len(names) == 0 {
		return nil
	}
	rows, err := b.rows(names, func(name string, rank int) bool {
		wanted := false
		for _, c := range clients {
			wanted = c.check == "" && c.wants(name, rank) || wanted
		}
		return wanted
	})
	if err != nil {
		b.log.Error("page", zap.Error(err))
		return nil
	}
	return rows
}

// message is what a client is told; a comment where nothing concerns it. The rows are
// made where they are not given.
func (b *broadcaster) message(c *liveClient, names []string, now time.Time, rows *liveRows) []byte {
	var m bytes.Buffer
	fmt.Fprintf(&m, "id: %d\n", now.UnixMilli())
	switch {
	case c.of != "" && c.of != b.generation():
		m.WriteString("event: replaced\ndata: \n") // there are other checks, or it is another process
	case c.check == "":
		if rows == nil {
			rows = b.render(names, []*liveClient{c})
		}
		if rows != nil {
			fmt.Fprintf(&m, "event: checks\ndata: %s\n", rows.of(c))
		}
	default:
		for _, name := range names {
			if name == c.check {
				text, _ := json.Marshal(name) // a string always can be
				fmt.Fprintf(&m, "event: check\ndata: %s\n", text)
			}
		}
	}
	if bytes.Count(m.Bytes(), []byte("\n")) == 1 {
		m.WriteString(": nothing new\n")
	}
	m.WriteByte('\n')
	if c.packs {
		return packed(m.Bytes())
	}
	return m.Bytes()
}
