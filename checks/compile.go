package checks

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/expr-lang/expr/types"
	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/internal/dpop"
	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// The defaults of what a flow does not set.
var (
	defaultSchedule  = ScheduleSettings{Every: Duration(10 * time.Second), Cleanup: Duration(5 * time.Second), Concurrency: 1, ConfirmBudget: detect.DefaultBudget}
	defaultObjective = ObjectiveSettings{
		Tolerate:   Ratio(detect.DefaultObjective.Tolerate),
		Detect:     Ratio(detect.DefaultObjective.Detect),
		FalsePages: Frequency{1, detect.DefaultObjective.FalsePageEvery},
		Blip:       Duration(detect.DefaultObjective.Blip),
	}
)

// A compiled flow: everything that is the same for each of its runs. Many runs
// may use it at once.
type compiled struct {
	check        *prober.Check
	options      *Options
	base         string   // the target without a slash at its end
	host         string   // of the target, without a port
	origin       string   // of the target
	origins      []string // that a run may go to, the target's among them
	secure       bool
	tls          *tls.Config
	steps        []step
	cleanup      []step
	tags         Tags
	locked       []Expr // conditions that say that an account is to be left alone
	usesText     bool   // an expression reads the answer's body as text
	usesLocation bool   // and one where it redirects to
	waits        bool   // a step may be accepted for a while after the end of another
	pool         *accounts.Pool
	need         accounts.Need
	resumes      bool                      // no flow of the pool sends a credential: what passes is accepted
	spare        *spare                    // what is left of the pool for confirming runs
	accountVars  map[string]map[string]any // what expressions see as account
	env          map[string]any
	secrets      map[string]any
	remembered   []string        // names of what is remembered of an account
	secretly     map[string]bool // those whose values are secret
	clients      Clients
	mayCode      bool // a one-time code by the clock is sent under a condition alone
	signers      map[signerKey]*jose.Signer
	proofKeys    map[signerKey]*dpop.Key
	certificates map[signerKey]*tls.Certificate
	own          *TLSSettings // whose certificate and key are the client's own
	requests     int          // that a run sends at the most
	spending     *spending    // of the budget, where nobody keeps the schedule
	redactor     *secret.Redactor
	spareVars    sync.Pool     // of maps for what expressions see, emptied
	samples      atomic.Uint64 // runs begun, of which some keep their exchanges
	source       string        // the file it was made of
}

// compileFlow compiles a decoded flow; mistakes are noted in its document.
func (l *loader) compileFlow(src *source) *compiled {
	flow, doc := src.flow, src.doc
	f := &compiled{
		options: l.options, source: src.text, steps: flow.Steps, cleanup: flow.Cleanup, tags: flow.Tags, locked: flow.Locked,
		env: l.env(), redactor: secret.NewRedactor(), check: &prober.Check{Name: flow.Name, About: flow.About},
		signers: map[signerKey]*jose.Signer{}, proofKeys: map[signerKey]*dpop.Key{}, certificates: map[signerKey]*tls.Certificate{},
	}
	l.outline(src, f)
	s := newScope(doc)
	s.flow = f
	l.scopeOfAccounts(src, f, s)
	l.scopeOfSecrets(src, f, s)
	s.env = l.options.allowedEnv()
	s.names["env"] = stringFields(s.env)
	f.setTarget(src, s)
	f.setOrigins(src, s)
	if ca := src.flow.TLS.CA; ca != "" {
		l.witness.see(under(src.dir, ca))
	}
	f.setTLS(src)
	l.vetCertificate(src, f, s)
	f.noteLater(s)
	f.vetClients(src, s)
	vetSteps(src, f, s)
	l.vetTOTP(src, f)
	l.vetNegative(src, f)
	vetRefusals(src, f)
	l.vetUse(src, f)
	vetCertificateTag(src, f)
	back := false // an authorization response may come
	f.usesText, f.usesLocation = f.mentions("text"), f.mentions("location")
	for i := range f.steps {
		if st := &f.steps[i]; st.StepSettings != nil {
			f.check.Steps = append(f.check.Steps, st.Name)
			back = back && !st.redeems() || st.authorizes()
			f.check.Reasons = append(f.check.Reasons, f.possible(st, back))
			if len(st.Refuse) > 0 {
				f.noteRefused(st)
			}
			if st.Poll != nil && st.Poll.Delivery {
				f.check.DeliverySteps = append(f.check.DeliverySteps, st.Name)
			}
		}
	}
	for _, st := range slices.Concat(pointers(f.steps), pointers(f.cleanup)) {
		if st.StepSettings != nil {
			f.noteReads(st)
		}
	}
	f.vetBudget(src)
	f.check.Begin, f.check.BeginConfirm = f.begin, f.beginConfirm
	f.forget()
	return f
}

// noteRefused announces the series of a must-be-refused step.
func (f *compiled) noteRefused(st *step) {
	c := f.check
	c.RefuseSteps = append(c.RefuseSteps, st.Name)
	if st.Within != nil {
		c.RevokedSteps = append(c.RevokedSteps, st.Name)
	}
	if st.SameAs != nil {
		if c.SameAs == nil {
			c.SameAs = map[string]string{}
		}
		c.SameAs[st.Name] = st.SameAs.Step
	}
}

// possible lists the reasons for which a step can fail, given where it goes: over
// plain HTTP there is no TLS, and an address needs no resolving. back says that its
// answer may be an authorization response.
func (f *compiled) possible(st *step, back bool) []prober.Reason {
	all := st.reasons()
	if back && st.browses() {
		all = append(all, prober.ReasonBadResponse, prober.ReasonMissingValue, prober.ReasonOAuthError)
		if slices.ContainsFunc(f.clients, func(c *Client) bool { return c.returnsIDToken() || c.returnsJWT() }) {
			all = append(all, prober.ReasonTokenInvalid, prober.ReasonClockSkew)
		}
		slices.Sort(all)
		all = slices.Compact(all)
	}
	r, ok := st.Step.(interface{ stays() bool })
	if !ok || !r.stays() {
		return all
	}
	_, notAnAddress := netip.ParseAddr(f.host)
	return slices.DeleteFunc(all, func(reason prober.Reason) bool {
		return reason == prober.ReasonForeignOrigin || reason == prober.ReasonTLS && !f.secure || reason == prober.ReasonDNS && notAnAddress == nil
	})
}

// forget lets go of the parsed file, which nobody needs once the flow is compiled
// and which is larger than what came out of it.
func (f *compiled) forget() {
	for _, st := range slices.Concat(pointers(f.steps), pointers(f.cleanup)) {
		if st.StepSettings != nil {
			st.node, st.use = nil, nil
		}
	}
	for _, c := range f.clients {
		c.body = nil
	}
}

// begin takes a run out of the budget, where that is looked at, leases an account,
// where the flow wants one, and makes the attempt.
func (f *compiled) begin(now time.Time) (prober.Attempt, prober.MissReason) {
	if !f.spending.take(now) {
		return prober.Attempt{}, prober.MissBudget
	}
	a, miss := f.attempt(now)
	if miss != "" {
		f.spending.giveBack()
	}
	return a, miss
}

func (f *compiled) attempt(now time.Time) (prober.Attempt, prober.MissReason) {
	if f.pool == nil {
		return prober.Attempt{Probe: func(ctx context.Context) prober.Report { return f.probe(ctx, nil) }}, ""
	}
	lease, miss := f.pool.Lease(now, f.need)
	if miss != "" {
		return prober.Attempt{}, miss
	}
	return prober.Attempt{
		Account: lease.Account().Name,
		Probe: func(ctx context.Context) prober.Report {
			if err := lease.Store(time.Now()); err != nil { // first: what is sent has to have been counted
				return prober.Report{Err: err}
			}
			return f.probe(ctx, lease)
		},
		Release: func(o prober.Outcome, r prober.Report) { lease.Release(time.Now(), f.result(o, &r)) },
	}, ""
}

// maxSteps is the most steps a flow may have: each has series of its own.
const maxSteps = 200

// vetSteps compiles the steps in order, each seeing what those before it have
// captured.
func vetSteps(src *source, f *compiled, s *Scope) {
	if src.flow.Steps != nil && len(f.steps) == 0 {
		src.mistake("steps", "a flow needs at least one step")
	}
	if n := len(f.steps) + len(f.cleanup); n > maxSteps {
		src.mistake("steps", "the flow has %d steps; the limit is %d", n, maxSteps)
		return
	}
	names := map[string]bool{}
	all := slices.Concat(pointers(f.steps), pointers(f.cleanup))
	for i, st := range all {
		if st.StepSettings == nil {
			continue // its kind is not known, and that is noted
		}
		if names[st.Name] && st.Name != "" {
			src.doc.Errorf(st.node, "two steps are named %q%s", st.Name, st.use.orRename())
		}
		names[st.Name] = true
		if _, ok := st.Step.(successor); ok && i == 0 {
			src.doc.Errorf(st.node, "the step %q goes on from the answer of the step before, and it is the first", st.Name)
		}
		if st.use != nil && i >= len(f.steps) {
			src.doc.Errorf(st.node, "%s stands in the clean-up, which gives back what the run has taken and is never judged; put it among the steps", st.use.check)
		}
		src.doc.Within(st.use.beside(), func() { st.vet(s, max(f.check.Schedule.Timeout, f.check.Schedule.Cleanup)) })
		s.steps = append(s.steps, st.Name)
	}
	after := s.withAnswer(false)
	for i := range f.tags {
		f.tags[i].expr.compileAny(after)
	}
	for i := range f.locked {
		f.locked[i].compileBool(after)
	}
	if len(f.locked) > 0 && src.flow.Accounts == "" {
		src.mistake("locked", "locked says which answers lock an account, and the flow has no accounts")
	}
}

// noteLater notes what steps are going to keep, and which.
func (f *compiled) noteLater(s *Scope) {
	for _, st := range slices.Concat(pointers(f.steps), pointers(f.cleanup)) {
		for _, c := range st.keeps() {
			if _, ok := s.later[c.Name]; !ok {
				s.later[c.Name] = st.Name
			}
		}
	}
}

func pointers(steps []step) []*step {
	ps := make([]*step, len(steps))
	for i := range steps {
		ps[i] = &steps[i]
	}
	return ps
}

// keeps lists what the step keeps under names.
func (st *step) keeps() []Capture {
	if st.StepSettings == nil {
		return nil
	}
	return slices.Concat(st.Let, st.Capture)
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
		for _, c := range slices.Concat(st.Capture, st.Remember) {
			if c.Value.mentions(name) {
				return true
			}
		}
		for _, e := range st.conditions() {
			if e.mentions(name) {
				return true
			}
		}
		if p := st.Poll; p != nil && (p.Until.mentions(name) || p.Pending.mentions(name)) {
			return true
		}
	}
	return slices.ContainsFunc(f.tags, func(t Tag) bool { return t.expr.mentions(name) }) ||
		slices.ContainsFunc(f.locked, func(e Expr) bool { return e.mentions(name) })
}

// mistake notes a mistake at a top-level key of the file, or at its beginning.
func (src *source) mistake(key, format string, args ...any) {
	src.doc.Errorf(src.at(key), format, args...)
}

// at is the place of a top-level key's value, or the beginning of the file.
func (src *source) at(key string) *yaml.Node {
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
	return at
}

// inside is the place of a key's value below a top-level key, or that of the latter.
func (src *source) inside(top, key string) *yaml.Node {
	at := src.at(top)
	for i := 0; at.Kind == yaml.MappingNode && i+1 < len(at.Content); i += 2 {
		if at.Content[i].Value == key {
			return at.Content[i+1]
		}
	}
	return at
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
