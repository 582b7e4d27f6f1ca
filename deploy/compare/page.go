package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A page is one measurement of how long it took to page.
type page struct {
	rule
	Percent float64 `json:"percent"` // of logins that fail
	// After is the time from the beginning of the fault to the page, in service, that is a
	// hundred times what it took here; negative where there was none within the limit.
	After time.Duration `json:"after"`
	// Early tells that it paged before the fault: there is no After.
	Early bool `json:"early,omitempty"`
}

// never is the After of a page that did not come.
const never time.Duration = -1

// warmUp is how long everything runs before the fault: Prometheus takes five seconds until
// it scrapes.
const warmUp = 10 * time.Second

// A round is one time through of page: every tool, each with a bank of its own, and one
// Prometheus.
type round struct {
	*receiver
	dir        string
	stands     []*stand
	prometheus *process
}

// page breaks percent of logins, at all backends, and waits for everybody's page.
func (h *harness) page(ctx context.Context, percent float64, seed uint64) (pages []page, strange []string, err error) {
	r, err := h.newRound(ctx, seed)
	if err != nil {
		return nil, nil, err
	}
	defer r.end()
	if err := pause(ctx, warmUp); err != nil {
		return nil, nil, err
	}
	began := time.Now()
	for _, s := range r.stands {
		if err := s.bank.fault(ctx, fmt.Sprintf("step=login rate=%v%% kind=status status=500", percent)); err != nil {
			return nil, nil, err
		}
	}
	want := h.rules()
	if err := r.wait(ctx, len(want), h.limit/scale); err != nil {
		return nil, nil, err
	}
	for _, s := range r.stands {
		word, err := s.strange(ctx)
		if err != nil {
			return nil, nil, err
		}
		if word != "" {
			strange = append(strange, fmt.Sprintf("%v %%, seed %d: %s", percent, seed, word))
		}
	}
	came := r.pages()
	for _, rule := range want {
		p := page{rule: rule, Percent: percent, After: never}
		if at, ok := came[rule]; ok {
			p.Early = at.Before(began)
			p.After = max(at.Sub(began)*scale, never)
		}
		pages = append(pages, p)
	}
	return pages, strange, nil
}

// strange says so where more failed than met a fault: the machine was too busy.
func (s *stand) strange(ctx context.Context) (string, error) {
	if s.drive != nil {
		return "", s.process.alive() // Prometheus has the counts, and does not keep them by run
	}
	says, err := s.count(ctx)
	if err != nil {
		return "", err
	}
	b, err := s.bank.seen(ctx)
	if err != nil {
		return "", err
	}
	if more := int64(says.Failed) - b.faults; more > 0 {
		return fmt.Sprintf("%d flows of %s failed that met no fault", more, s.name), nil
	}
	return "", nil
}

// newRound starts everything.
func (h *harness) newRound(ctx context.Context, seed uint64) (r *round, err error) {
	r = &round{}
	defer func() {
		if err != nil {
			r.end()
		}
	}()
	if r.receiver, err = newReceiver(); err != nil {
		return r, err
	}
	if r.dir, err = os.MkdirTemp(h.dir, "prometheus-"); err != nil {
		return r, err
	}
	if err := writeConfigs(r.dir, nil); err != nil {
		return r, err
	}
	for _, t := range h.tools {
		if t.job == "" || h.paths[t.name] == "" {
			continue
		}
		s, err := h.newStand(ctx, t, seed, r.url)
		if err != nil {
			return r, err
		}
		r.stands = append(r.stands, s)
		if err := s.begin(ctx, h.paths[t.name], false); err != nil {
			return r, err
		}
	}
	return r, r.startPrometheus(ctx, h.paths["prometheus"])
}

// startPrometheus starts one that scrapes everybody, if there is one.
func (r *round) startPrometheus(ctx context.Context, path string) error {
	if path == "" {
		return nil
	}
	if err := os.Mkdir(filepath.Join(r.dir, "targets"), 0o700); err != nil {
		return err
	}
	if err := r.target("pages", r.url, nil); err != nil {
		return err
	}
	for _, s := range r.stands {
		labels := map[string]string{}
		if s.single {
			labels["target"] = s.bank.url + "/v1/login"
		}
		if err := r.target(s.job, s.base, labels); err != nil {
			return err
		}
	}
	return onFreePort(ctx, func(port int) (err error) {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		r.prometheus, err = start(nil, path, "--config.file="+filepath.Join(r.dir, "prometheus.yml"),
			"--storage.tsdb.path="+filepath.Join(r.dir, "data"), "--web.listen-address="+address, "--log.level=warn")
		return started(ctx, r.prometheus, err, "http://"+address+"/-/ready")
	})
}

// target writes where something is met, for service discovery by file.
func (r *round) target(name, url string, labels map[string]string) error {
	text, err := json.Marshal([]map[string]any{{"targets": []string{url[len("http://"):]}, "labels": labels}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dir, "targets", name+".json"), text, 0o600)
}

// wait returns when n rules have paged, or after limit, and an error if something has ended.
func (r *round) wait(ctx context.Context, n int, limit time.Duration) error {
	end := time.After(limit)
	for len(r.pages()) < n {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			return r.alive()
		case <-r.came:
		}
	}
	return r.alive()
}

func (r *round) alive() error {
	for _, s := range r.stands {
		if err := s.process.alive(); err != nil {
			return err
		}
	}
	if r.prometheus == nil {
		return nil
	}
	return r.prometheus.alive()
}

// end stops everything.
func (r *round) end() {
	if r.prometheus != nil {
		r.prometheus.stop()
	}
	for _, s := range r.stands {
		s.end()
	}
	if r.receiver != nil {
		r.close()
	}
}
