package checks

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	chance "math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/vm"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/internal/dpop"
	"github.com/authprober/authprober/checks/internal/jsonvalue"
	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/prober"
)

// A Session is the state of one run: its connections, its cookies, what it has
// captured, and the answer at hand. One goroutine uses it.
type Session struct {
	flow    *compiled
	lease   *accounts.Lease // nil where the flow uses no accounts
	wire    *wire
	client  *http.Client
	jar     *jar
	vars    map[string]any // what expressions see
	vm      vm.VM
	limit   limit // of the expression at hand
	start   time.Time
	traceID string

	grants    map[*Client]*grant
	proofKeys map[string]*dpop.Key // those of the run itself, by algorithm
	nonces    map[nonceOf]string   // as servers hand them out

	codeSent bool // a one-time code by the clock
	captured map[string]bool
	secrets  []string // captured, to be redacted
	redactor *secret.Redactor

	sampled bool  // exchanges are kept even if the run passes
	sent    sent  // the last request of the step at hand
	acting  *step // which it is

	inbox    *openInbox // nil where no mail server is connected to
	answer   answer
	previous answer               // of the step before
	before   before               // what the must-be-refused step at hand found
	refusals map[string]answer    // of the steps that later ones are compared with
	ended    time.Time            // when the step before has ended; zero where nothing counts from there
	ends     map[string]time.Time // the same by step
	timing   *timing
	result   *prober.StepResult // of the step at hand
	tags     map[string]string
	edge     string // the value of tagEdge; "" before a code was computed
	report   prober.Report

	dateText string // the last Date that was read
	dateRead time.Time
}

// An answer is what came back to the last exchange.
type answer struct {
	status  int      // 0 where there was none
	proto   string   // HTTP/1.1 and the like
	method  string   // of the request, the last one after redirects
	url     *url.URL // that answered, after redirects
	header  http.Header
	body    []byte
	took    time.Duration
	json    any
	jsonErr error
	read    *jsonvalue.Part // what json is of the body; nil where it was not read yet
	shown   bool            // to the expressions
	private bool            // nothing of it is shown, whatever it looks like
	beside  string          // what there is to say where it is none yet
}

// newSession begins a run.
func (f *compiled) newSession(lease *accounts.Lease) *Session {
	s := &Session{
		flow: f, lease: lease, start: time.Now(), traceID: uniqueHex() + uniqueHex(),
		vars: f.newVars(), captured: map[string]bool{}, timing: &timing{}, sampled: f.sampled(),
	}
	s.vars["check"] = f.check.Name
	s.vars["env"], s.vars["secrets"] = f.env, f.secrets
	if lease != nil {
		s.vars["account"] = f.accountVars[lease.Account().Name]
	}
	var config *tls.Config
	if config, s.report.Err = s.tlsConfig(); s.report.Err == nil {
		s.report.Err = s.recall()
	}
	s.wire = newWire(config, f.secure, f.check.Schedule.Timeout+f.check.Schedule.Cleanup, f.options)
	s.jar = &jar{}
	s.client = &http.Client{Transport: s.wire.transport, Jar: s.jar}
	return s
}

// newVars is an empty map for what expressions see, that of an earlier run maybe.
func (f *compiled) newVars() map[string]any {
	if vars, ok := f.spareVars.Get().(map[string]any); ok {
		return vars
	}
	return make(map[string]any, 16)
}

// uniqueHex is 16 hexadecimal digits by chance, for what has to be unique and not secret.
func uniqueHex() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], chance.Uint64())
	return hex.EncodeToString(b[:])
}

// randomHex is n random bytes in hexadecimal digits, which nobody can guess.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never errs
	return hex.EncodeToString(b)
}

// defaultHeader is the header every request of the run begins with. The trace
// context is W3C's, version 00: one trace a run, one parent id a step, which is the
// id of the step's span where traces are exported.
func (s *Session) defaultHeader() http.Header {
	h := make(http.Header, 8)
	one := [...]string{s.flow.options.UserAgent, "application/json, */*;q=0.5", "00-" + s.traceID + "-" + s.spanID() + "-01"}
	h["User-Agent"], h["Accept"], h["Traceparent"] = one[0:1:1], one[1:2:2], one[2:3:3]
	if name := s.flow.options.MarkerName; name != "" {
		h.Set(name, s.flow.options.MarkerValue)
	}
	return h
}

// spanID is the id of the step at hand, made with its first request.
func (s *Session) spanID() string {
	sent := &s.result.Sent
	if sent.SpanID == "" {
		sent.SpanID = uniqueHex()
	}
	return sent.SpanID
}

// noteSent notes where a request of the step goes. The host of the flow's own target
// is in no need of redaction.
func (s *Session) noteSent(method string, to *url.URL) {
	sent := &s.result.Sent
	sent.Method, sent.Scheme, sent.Host = method, to.Scheme, to.Host
	_, own, _ := strings.Cut(s.flow.base, "//")
	if rest, ok := strings.CutPrefix(own, to.Host); !ok || rest != "" && rest[0] != '/' {
		sent.Host = s.redact(to.Host)
	}
}

// exchange sends a request once and reads its answer, of which body at most
// limit bytes.
func (s *Session) exchange(req *http.Request, follow int, limit int64) error {
	s.sent.request = req
	ctx := req.Context()
	stepCtx := ctx
	t := s.timing
	t.allowed = 1
	if s.flow.secure { // HTTP/2 sends again over the same connection, where no dial can stop it
		ctx, t.stop = context.WithCancelCause(ctx)
		defer t.stop(nil)
	}
	if err := s.refuseForeign(req.URL); err != nil {
		return err
	}
	s.client.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		switch {
		case follow == 0 || s.leadsBack(next.URL):
			return http.ErrUseLastResponse
		case isHTTP(next.URL) && !s.flow.names(next.URL):
			return errForeign
		case len(via) > follow:
			return errFollow
		}
		t.do(func() { t.allowed++ })
		return nil
	}
	begun := time.Now()
	resp, err := s.client.Do(req.WithContext(t.trace(ctx)))
	s.noteCertificate()
	if err != nil {
		t.done(false)
		if resp != nil {
			resp.Body.Close()
		}
		return s.classify(stepCtx, ctx, req, err)
	}
	defer resp.Body.Close()
	s.answer.status, s.answer.header, s.answer.proto = resp.StatusCode, resp.Header, resp.Proto
	s.answer.method, s.answer.url = resp.Request.Method, resp.Request.URL
	s.seen(resp)
	body, err := readAll(resp.Body, resp.ContentLength, limit)
	t.done(err == nil)
	s.answer.took = time.Since(begun)
	if why := t.brokeOff(err); why != nil {
		err = why
	}
	if err != nil {
		return classifyBody(stepCtx, err)
	}
	if t.sentAgain() {
		return classify(stepCtx, errReplay, reading)
	}
	s.answer.body = body
	return nil
}

// classify is classify for an exchange, whose context ends with errReplay where
// net/http went to send the request again, and which may go through a proxy.
func (s *Session) classify(step, exchange context.Context, req *http.Request, err error) error {
	at := s.stage()
	if errors.Is(context.Cause(exchange), errReplay) && step.Err() == nil {
		err = errReplay
	}
	if why := s.timing.brokeOff(err); why != nil {
		err = why
	}
	if proxied(req) && !errors.Is(context.Cause(step), prober.ErrShutdown) && !errors.Is(err, errReplay) {
		switch { // a name or a connection are the proxy's; what comes later may be the target's, and takes its time then
		case step.Err() != nil && at <= connecting:
			return fmt.Errorf("through the proxy that this machine's environment names: time ran out while %s", at)
		case step.Err() == nil && at < waiting:
			return fmt.Errorf("through the proxy that this machine's environment names: %s: %s", at, plain(withoutURL(err)))
		}
	}
	return classify(step, err, at)
}

// proxied reports whether the request goes through a proxy that the environment
// names, or would if its address were right.
func proxied(req *http.Request) bool {
	proxy, err := http.ProxyFromEnvironment(req)
	return proxy != nil || err != nil
}

func (s *Session) stage() (at stage) {
	s.timing.do(func() { at = s.timing.stage })
	return at
}

// seen notes what an answer's head tells beside the measurement: when the
// certificate ends, the target's clock, and its wish for a pause.
func (s *Session) seen(resp *http.Response) {
	if resp.TLS != nil {
		for _, c := range resp.TLS.PeerCertificates {
			if s.report.CertificateExpiry.IsZero() || c.NotAfter.Before(s.report.CertificateExpiry) {
				s.report.CertificateExpiry = c.NotAfter
			}
		}
	}
	if date, ok := s.date(resp.Header.Get("Date")); ok {
		s.report.ClockSkew, s.report.HasClockSkew = date.Sub(time.Now().Truncate(time.Second)), true
	}
	s.notePause(resp)
}

// date reads a Date. The answers of a run are most often of one second.
func (s *Session) date(text string) (time.Time, bool) {
	if text != s.dateText || text == "" {
		date, err := http.ParseTime(text)
		if err != nil {
			return date, false
		}
		s.dateText, s.dateRead = text, date
	}
	return s.dateRead, true
}

// eval evaluates an expression. What is not there is the target's fault, for
// only an answer can lack it; any other error is ours.
func (s *Session) eval(p *program) (any, error) {
	v, err := s.run(p)
	if missing, ok := errors.AsType[errMissing](err); ok {
		return nil, Failf(prober.ReasonMissingValue, "%s", missing)
	}
	return v, err
}

// evalAnswer evaluates an expression over the answer. That it cannot be
// evaluated is the target's fault, unless a helper was given a key or the like that
// the flow has from elsewhere.
func (s *Session) evalAnswer(p *program) (any, error) {
	if err := s.parse(p); err != nil {
		return nil, err
	}
	v, err := s.eval(p)
	if err != nil && (strings.Contains(err.Error(), "memory budget exceeded") || errors.Is(err, errUncomputed) || errors.Is(err, prober.ErrShutdown)) {
		return nil, err // the flow asks for too much
	}
	if p.ownFault(err) {
		return nil, err
	}
	f, ok := errors.AsType[*failure](err)
	switch {
	case err == nil:
	case ok && s.answer.private:
		return nil, Failf(f.reason, "it finds nothing in the mail")
	case s.answer.private:
		return nil, Failf(prober.ReasonBadResponse, "it cannot be computed of the mail")
	case !ok:
		return nil, Failf(prober.ReasonBadResponse, "%v", err)
	}
	return v, err
}

// parse reads what the expression reads of the body, with what the step's others do.
func (s *Session) parse(p *program) error {
	if p.reads == nil {
		return nil
	}
	if st := s.acting; st != nil && st.reads.Covers(p.reads) {
		return s.parsePart(st.reads)
	}
	return s.parseBody()
}

// parseBody reads the whole body as JSON.
func (s *Session) parseBody() error { return s.parsePart(jsonvalue.Whole) }

// parsePart reads a part of the body as JSON, unless it was read already.
func (s *Session) parsePart(wanted *jsonvalue.Part) error {
	a := &s.answer
	if a.read == nil || a.jsonErr == nil && !a.read.Covers(wanted) {
		a.read = wanted
		if a.json, a.jsonErr = jsonvalue.DecodePart(a.body, wanted); a.jsonErr != nil {
			a.jsonErr = Failf(prober.ReasonBadResponse, "want JSON, got %s: %v", describeBody(a), a.jsonErr)
		}
		s.vars["body"] = a.json
	}
	return a.jsonErr
}

// commonTypes are the media types that are named in a detail; any other text in
// a Content-Type is the target's own.
var commonTypes = []string{
	"application/json", "application/problem+json", "application/xml", "application/octet-stream",
	"application/xhtml+xml", "text/html", "text/plain", "text/xml",
}

func describeBody(a *answer) string { return fmt.Sprintf("%d bytes of %s", len(a.body), a.mediaType()) }

// mediaType is the answer's media type if it is one of commonTypes, and otherwise
// says in words that there is none or another.
func (a *answer) mediaType() string {
	kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	switch {
	case a.header.Get("Content-Type") == "":
		return "no type"
	case err != nil || !slices.Contains(commonTypes, kind):
		return "another type"
	}
	return kind
}

// run runs a compiled expression.
func (s *Session) run(p *program) (any, error) {
	if status, ok := s.vars["status"].(int); ok && p.status != 0 {
		return status == p.status, nil
	}
	if p.heeds {
		s.vars[heedFunc] = s.limit.begin()
	}
	v, err := s.vm.Run(p.Program, s.vars)
	if p.heeds {
		delete(s.vars, heedFunc)
	}
	if err == nil {
		return v, nil
	}
	return nil, plainExprError(err, p.Source().String())
}

// redact replaces every secret the run knows. The set is built when it is first
// needed: most runs pass and have nothing to say.
func (s *Session) redact(text string) string {
	if text == "" {
		return ""
	}
	if s.redactor == nil {
		s.redactor = s.flow.redactor.Derive()
	}
	s.redactor.Add(s.secrets...)
	s.secrets = s.secrets[:0]
	return s.redactor.Redact(text)
}

// close gives back what the run holds of the network.
func (s *Session) close() {
	s.closeInbox()
	s.wire.close()
	if s.vars != nil {
		clear(s.vars)
		s.flow.spareVars.Put(s.vars)
		s.vars = nil
	}
}
