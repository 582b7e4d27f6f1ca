package checks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/types"
	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// The defaults of what a flow does not set.
var (
	defaultSchedule  = ScheduleSettings{Every: Duration(10 * time.Second), Cleanup: Duration(5 * time.Second), Concurrency: 1}
	defaultObjective = ObjectiveSettings{
		Tolerate:   Ratio(detect.DefaultObjective.Tolerate),
		Detect:     Ratio(detect.DefaultObjective.Detect),
		FalsePages: Frequency{1, detect.DefaultObjective.FalsePageEvery},
		Blip:       Duration(detect.DefaultObjective.Blip),
	}
)

const (
	defaultTimeout = 8 * time.Second
	minEvery       = 10 * time.Millisecond
	maxEvery       = 24 * time.Hour
	maxConcurrency = 1000
)

// A compiled flow: everything that is the same for each of its runs. Many runs
// may use it at once.
type compiled struct {
	check       *prober.Check
	options     *Options
	base        string // the target without a slash at its end
	secure      bool
	tls         *tls.Config
	steps       []step
	cleanup     []step
	tags        Tags
	usesText    bool
	pool        *accounts.Pool
	need        accounts.Need
	accountVars map[string]map[string]any // what expressions see as account
	env         map[string]any
	secrets     map[string]any
	redactor    *secret.Redactor
}

// compileFlow compiles a decoded flow; mistakes are noted in its document.
func (l *loader) compileFlow(src *source) *compiled {
	flow, doc := src.flow, src.doc
	f := &compiled{
		options: l.options, steps: flow.Steps, cleanup: flow.Cleanup, tags: flow.Tags,
		env: l.env(), redactor: secret.NewRedactor(), check: &prober.Check{Name: flow.Name, About: flow.About},
	}
	l.vetName(src)
	f.check.Labels = vetLabels(src)
	f.check.Schedule = vetSchedule(src)
	f.check.Objective = vetObjective(src)
	f.check.Thresholds = vetThresholds(src)
	s := newScope(doc)
	l.scopeOfAccounts(src, f, s)
	l.scopeOfSecrets(src, f, s)
	s.env = l.options.allowedEnv()
	s.names["env"] = stringFields(s.env)
	f.setTarget(src, s)
	f.setTLS(src)
	vetSteps(src, f, s)
	l.vetTOTP(src, f, s)
	f.usesText = f.mentions("text")
	for i := range f.steps {
		if st := &f.steps[i]; st.StepSettings != nil {
			f.check.Steps = append(f.check.Steps, st.Name)
			f.check.Reasons = append(f.check.Reasons, st.reasons())
			if len(st.Refuse) > 0 {
				f.check.RefuseSteps = append(f.check.RefuseSteps, st.Name)
			}
		}
	}
	f.check.Begin = f.begin
	f.forget()
	return f
}

// forget lets go of the parsed file, which nobody needs once the flow is compiled
// and which is larger than what came out of it.
func (f *compiled) forget() {
	for _, st := range slices.Concat(pointers(f.steps), pointers(f.cleanup)) {
		st.node = nil
	}
}

// begin leases an account, where the flow wants one, and makes the attempt.
func (f *compiled) begin(now time.Time) (prober.Attempt, prober.MissReason) {
	if f.pool == nil {
		return prober.Attempt{Probe: func(ctx context.Context) prober.Report { return f.probe(ctx, nil) }}, ""
	}
	lease, miss := f.pool.Lease(now, f.need)
	if miss != "" {
		return prober.Attempt{}, miss
	}
	return prober.Attempt{
		Account: lease.Account().Name,
		Probe:   func(ctx context.Context) prober.Report { return f.probe(ctx, lease) },
		Release: func(_ prober.Outcome, r prober.Report) { lease.Release(f.refused(&r)) },
	}, ""
}

// refused reports whether the target turned the account away where it should
// not have: a 401 or 403 to a step that is not about being refused.
func (f *compiled) refused(r *prober.Report) bool {
	for i := range r.Steps {
		if st := &r.Steps[i]; st.Reason == prober.ReasonStatus4xx && (st.Status == 401 || st.Status == 403) {
			return i < len(f.steps) && len(f.steps[i].Refuse) == 0
		}
	}
	return false
}

func (l *loader) vetName(src *source) {
	name := src.flow.Name
	if name != "" && !flowName.MatchString(name) {
		src.mistake("name", "%q is no name for a flow; want lower-case letters, digits and hyphens, at most 63", name)
		return
	}
	if file, ok := l.flows[name]; ok && name != "" {
		src.mistake("name", "two flows are named %q; the other one is in %s", name, file)
		return
	}
	l.flows[name] = src.doc.File
}

// reservedLabels are set by authprober or by Prometheus.
var reservedLabels = []string{
	"check", "step", "reason", "state", "window", "outcome", "tag", "value", "alertname", "job", "instance",
}

func vetLabels(src *source) map[string]string {
	labels := make(map[string]string, len(src.flow.Labels))
	for _, l := range src.flow.Labels {
		switch {
		case !labelName.MatchString(l.Name):
			src.doc.Errorf(l.node, "%q is no name for a label; want letters, digits and _, beginning with a letter", l.Name)
		case slices.Contains(reservedLabels, l.Name):
			src.doc.Errorf(l.node, "the label %s is set by authprober or Prometheus itself; choose another name", l.Name)
		case l.Value == "" || len(l.Value) > 200 || !printable(l.Value):
			src.doc.Errorf(l.node, "the label %s wants 1 to 200 printable characters", l.Name)
		}
		labels[l.Name] = l.Value
	}
	return labels
}

func vetSchedule(src *source) prober.Schedule {
	set := src.flow.Schedule
	every := time.Duration(set.Every)
	if every < minEvery || every > maxEvery {
		src.mistake("schedule", "every is %s; want a time from %s to %s", every, minEvery, maxEvery)
		every = maxEvery
	}
	if set.Concurrency < 1 || set.Concurrency > maxConcurrency {
		src.mistake("schedule", "concurrency is %d; want a number from 1 to %d", set.Concurrency, maxConcurrency)
		set.Concurrency = 1
	}
	room := every * time.Duration(set.Concurrency)
	timeout := time.Duration(set.Timeout)
	if timeout == 0 {
		timeout = min(defaultTimeout, room*4/5)
	}
	if timeout > room {
		needed := (timeout + every - 1) / every
		src.mistake("schedule", "timeout %s is longer than every × concurrency, %s: a slow target would make runs be missed; "+
			"shorten it or raise concurrency to %d", timeout, room, needed)
	}
	if c := time.Duration(set.Cleanup); c <= 0 || c > time.Minute {
		src.mistake("schedule", "cleanup is %s; want a time above zero, at most a minute", c)
	}
	return prober.Schedule{Every: every, Timeout: timeout, Cleanup: time.Duration(set.Cleanup), Concurrency: set.Concurrency}
}

func vetObjective(src *source) detect.Objective {
	set := src.flow.Objective
	o := detect.Objective{
		Tolerate: float64(set.Tolerate), Detect: float64(set.Detect),
		FalsePageEvery: set.FalsePages.Per / time.Duration(max(set.FalsePages.Count, 1)), Blip: time.Duration(set.Blip),
	}
	if err := o.Validate(); err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			src.mistake("objective", "%s", line)
		}
	}
	return o
}

func vetThresholds(src *source) (ts []prober.Threshold) {
	type key struct {
		window   time.Duration
		severity string
	}
	seen := map[key]bool{}
	for _, t := range src.flow.Thresholds {
		k := key{time.Duration(t.Window), t.Severity}
		switch {
		case t.Window != 0 && !slices.Contains(prober.Windows, k.window):
			src.doc.Errorf(t.node, "a threshold's window is one of 5m, 15m, 1h, 6h and 24h, not %s", short(k.window))
		case t.MinRuns < 1:
			src.doc.Errorf(t.node, "min_runs is %d; want at least 1", t.MinRuns)
		case t.Ratio >= 1:
			src.doc.Errorf(t.node, "a ratio of 100%% can never be exceeded")
		case t.Severity == "" || !printable(t.Severity):
			src.doc.Errorf(t.node, "severity wants printable characters")
		case seen[k]:
			src.doc.Errorf(t.node, "two thresholds have the window %s and the severity %s", short(k.window), k.severity)
		}
		seen[k] = true
		ts = append(ts, prober.Threshold{Ratio: float64(t.Ratio), Window: k.window, MinRuns: t.MinRuns, Severity: t.Severity})
	}
	return ts
}

// setTarget evaluates the target, which is the same for every run.
func (f *compiled) setTarget(src *source, s *Scope) {
	t := &src.flow.Target
	if !t.isSet() {
		return
	}
	only := *s
	only.names = types.Map{"env": s.names["env"]}
	before := len(src.doc.Mistakes)
	t.compile(&only)
	if len(src.doc.Mistakes) > before {
		return
	}
	text, err := t.text(&Session{flow: f, vars: map[string]any{"env": f.env}}, nil)
	if err != nil {
		src.mistake("target", "%v", err)
		return
	}
	to, err := url.Parse(text)
	switch {
	case err != nil || to.Host == "" || to.Hostname() == "" || to.Scheme != "http" && to.Scheme != "https":
		src.mistake("target", "the target is no URL such as https://api.bank.example")
	case to.User != nil:
		src.mistake("target", "the target holds a password; use basic in the requests, with an account or a secret")
	case to.RawQuery != "" || to.Fragment != "":
		src.mistake("target", "the target holds a query or a fragment; requests put their paths after it")
	default:
		f.base, f.secure = strings.TrimSuffix(text, "/"), to.Scheme == "https"
		if f.options.HostOf != nil {
			f.options.HostOf(f.check.Name, to.Host)
		}
	}
}

func (f *compiled) setTLS(src *source) {
	f.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: src.flow.TLS.ServerName}
	if src.flow.TLS.CA == "" {
		return
	}
	path := src.flow.TLS.CA
	if !filepath.IsAbs(path) {
		path = filepath.Join(src.dir, path)
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		src.mistake("tls", "reading the certificates %q: %v", path, plainPathError(err))
		return
	}
	f.tls.RootCAs = x509.NewCertPool()
	if !f.tls.RootCAs.AppendCertsFromPEM(pem) {
		src.mistake("tls", "no certificate in PEM in %q", path)
	}
}

// vetSteps compiles the steps in order, each seeing what those before it have
// captured.
func vetSteps(src *source, f *compiled, s *Scope) {
	if src.flow.Steps != nil && len(f.steps) == 0 {
		src.mistake("steps", "a flow needs at least one step")
	}
	names := map[string]bool{}
	all := slices.Concat(pointers(f.steps), pointers(f.cleanup))
	for _, st := range all {
		for _, c := range st.captures() {
			if _, ok := s.later[c.Name]; !ok {
				s.later[c.Name] = st.Name
			}
		}
	}
	for _, st := range all {
		if st.StepSettings == nil {
			continue // its kind is not known, and that is noted
		}
		if names[st.Name] && st.Name != "" {
			src.doc.Errorf(st.node, "two steps are named %q", st.Name)
		}
		names[st.Name] = true
		st.vet(s, max(f.check.Schedule.Timeout, f.check.Schedule.Cleanup))
	}
	after := s.withAnswer()
	for i := range f.tags {
		f.tags[i].expr.compileAny(after)
	}
}

func pointers(steps []step) []*step {
	ps := make([]*step, len(steps))
	for i := range steps {
		ps[i] = &steps[i]
	}
	return ps
}

func (st *step) captures() Captures {
	if st.StepSettings == nil {
		return nil
	}
	return st.Capture
}

// mentions reports whether an expression over an answer reads the name.
func (f *compiled) mentions(name string) bool {
	for _, st := range slices.Concat(pointers(f.steps), pointers(f.cleanup)) {
		if st.StepSettings == nil {
			continue
		}
		for i := range st.Expect {
			if st.Expect[i].mentions(name) {
				return true
			}
		}
		for i := range st.Capture {
			if st.Capture[i].Value.mentions(name) {
				return true
			}
		}
	}
	return slices.ContainsFunc(f.tags, func(t Tag) bool { return t.expr.mentions(name) })
}

// mistake notes a mistake at a top-level key of the file, or at its beginning.
func (src *source) mistake(key, format string, args ...any) {
	at := src.doc.Root
	for i := 0; i+1 < len(at.Content); i += 2 {
		if at.Content[i].Value == key {
			at = at.Content[i+1]
			break
		}
	}
	if at.Kind == yaml.AliasNode && at.Alias != nil {
		at = at.Alias
	}
	src.doc.Errorf(at, format, args...)
}

// short is a duration without the zeros at its end: 10m, not 10m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func stringFields[V any](m map[string]V) types.Map {
	fields := make(types.Map, len(m))
	for name := range m {
		fields[name] = types.String
	}
	return fields
}

// inPosition reports the position of a node, for mistakes that are found later.
func inPosition(doc *strict.Document, n *yaml.Node) string {
	return fmt.Sprintf("%s:%d:%d", doc.File, n.Line, n.Column)
}
