package main

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A rule is what pages.
type rule struct {
	Job  string `json:"job"`
	Name string `json:"rule"`
}

const burnRate = "burn rate 99.9 %"

// rules are all that the configurations have. Those of Prometheus are told apart from a
// tool's own, which need nothing else.
var rules = []struct {
	rule
	prometheus bool
}{
	{rule{"authprober", "its own"}, false},
	{rule{"authprober", burnRate}, true},
	{rule{"gatus", "3 in a row"}, false},
	{rule{"gatus", burnRate}, true},
	{rule{"cloudprober", "3 of 5"}, false},
	{rule{"cloudprober", "6 of 360"}, false},
	{rule{"cloudprober", burnRate}, true},
	{rule{"blackbox_exporter", "first failure"}, true},
	{rule{"blackbox_exporter", "down for 5m"}, true},
	{rule{"blackbox_exporter", burnRate}, true},
}

// A receiver gets pages, by webhook or as Alertmanager would, and notes when each rule's
// first one came. It is safe for concurrent use.
type receiver struct {
	url    string
	server *http.Server
	came   chan struct{} // has something whenever a rule has paged for the first time

	mu    sync.Mutex
	first map[rule]time.Time
}

func newReceiver() (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{url: "http://" + l.Addr().String(), came: make(chan struct{}, 1), first: map[rule]time.Time{}}
	r.server = &http.Server{Handler: r}
	go r.server.Serve(l) // ends with Close
	return r, nil
}

func (r *receiver) close() { r.server.Close() }

// webhooks are the paths at which a page is a page, whatever it says.
var webhooks = map[string]rule{
	"/gatus":                {"gatus", "3 in a row"},
	"/cloudprober/3-of-5":   {"cloudprober", "3 of 5"},
	"/cloudprober/6-of-360": {"cloudprober", "6 of 360"},
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	now := time.Now()
	if rule, ok := webhooks[req.URL.Path]; ok {
		r.page(rule, now)
		return
	}
	own, alertmanager := strings.CutSuffix(req.URL.Path, "/api/v2/alerts")
	if !alertmanager {
		http.NotFound(w, req)
		return
	}
	var alerts []alert
	if err := json.NewDecoder(req.Body).Decode(&alerts); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, a := range alerts {
		if rule, ok := a.rule(own); ok && a.EndsAt.After(now) {
			r.page(rule, now)
		}
	}
}

// An alert is one of Alertmanager's API, version 2. It fires while its end is to come.
type alert struct {
	Labels map[string]string `json:"labels"`
	EndsAt time.Time         `json:"endsAt"`
}

// rule is whose alert it is; below /authprober it comes from authprober itself, which tells
// other things there than pages too.
func (a alert) rule(prefix string) (rule, bool) {
	if prefix == "/authprober" {
		return rule{"authprober", "its own"}, a.Labels["severity"] == "page" && a.Labels["check"] == "retail-login"
	}
	return rule{a.Labels["monitor"], a.Labels["rule"]}, prefix == ""
}

func (r *receiver) page(rule rule, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.first[rule]; ok {
		return
	}
	r.first[rule] = at
	select {
	case r.came <- struct{}{}:
	default: // there is something already
	}
}

// pages is when each rule has paged for the first time.
func (r *receiver) pages() map[rule]time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[rule]time.Time{}
	for rule, at := range r.first {
		all[rule] = at
	}
	return all
}
