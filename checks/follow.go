package checks

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// defaultHops is the most redirects that are followed where a flow says nothing.
const defaultHops = 10

// A FollowStep gets what the answer of the step before redirects to, as a browser
// would. A redirect into an app, of a scheme such as com.example.bank or to the
// redirect_uri of a client, is never followed: it is an answer.
type FollowStep struct {
	StepSettings `yaml:",inline"`
	// Follow is `location` to follow one redirect, or says until when redirects are followed.
	Follow FollowSettings `yaml:"follow,required"`
	// Headers are header fields, set in place of the default ones.
	Headers Pairs `yaml:"headers"`
	// MaxBody is the most that is read of an answer's body; a longer one fails the step. The default is 1MiB.
	MaxBody Size `yaml:"max_body"`
}

// FollowSettings say until when redirects are followed.
type FollowSettings struct {
	// Until is a condition on the answer: the one that ends it. Where that of the step before is one already, nothing is sent.
	Until Expr `yaml:"until,required"`
	// AtMost is how many redirects are followed, from 1 to 20; where it takes more the step fails. The default is 10.
	AtMost int `yaml:"at_most"`

	node *yaml.Node
}

// DecodeYAML implements strict.Decoder.
func (f *FollowSettings) DecodeYAML(d *strict.Document, n *yaml.Node) {
	f.AtMost, f.node = defaultHops, n
	if n.Kind == yaml.MappingNode {
		type plain FollowSettings
		set := plain(*f)
		d.Decode(n, &set)
		*f = FollowSettings(set)
		return
	}
	if text, ok := d.Text(n); ok && text != "location" {
		d.Errorf(n, "%q is nothing to follow; want location, or a mapping with until", text)
	}
}

// Vet implements [Step].
func (f *FollowStep) Vet(s *Scope) {
	f.Follow.Until.compileBool(s.withAnswer(false))
	f.Headers.each(func(t *Template) { t.compile(s) })
	f.Headers.vetHeaders(s, "Cookie")
	if n := f.Follow.AtMost; f.Follow.node != nil && (n < 1 || n > 20) {
		s.doc.Errorf(f.Follow.node, "at_most is %d; want a number from 1 to 20", n)
	}
}

// Needs implements [Step].
func (f *FollowStep) Needs(captured map[string]string) []string {
	names := exprNeeds(&f.Follow.Until, captured)
	f.Headers.each(func(t *Template) { names = append(names, t.needs(captured)...) })
	return names
}

// Reasons implements [Step].
func (f *FollowStep) Reasons() []prober.Reason {
	return append(slices.Clone(exchangeReasons), prober.ReasonRedirect, prober.ReasonMissingValue,
		prober.ReasonStatus4xx, prober.ReasonStatus5xx, prober.ReasonRateLimited)
}

// Shown implements [Step].
func (f *FollowStep) Shown() string {
	if f.Follow.Until.isSet() {
		return "follow until " + strings.Join(strings.Fields(f.Follow.Until.Source), " ")
	}
	return "follow location"
}

func (f *FollowStep) conditions() []*Expr { return []*Expr{&f.Follow.Until} }

func (f *FollowStep) succeeds() {}

// asks implements [asker].
func (f *FollowStep) asks() int {
	if f.Follow.Until.isSet() {
		return f.Follow.AtMost
	}
	return 1
}

// Run implements [Step].
func (f *FollowStep) Run(ctx context.Context, s *Session) error {
	if err := s.wantPrevious(); err != nil {
		return err
	}
	if !f.Follow.Until.isSet() {
		return f.hop(ctx, s, &s.previous)
	}
	// The answer of the step before may be the one.
	s.answer = s.previous
	s.answer.shown, s.answer.read, s.answer.took = false, nil, 0
	begun := time.Now()
	for hops := 0; ; hops++ {
		s.show()
		if s.holds(&f.Follow.Until) || s.leadsBack(s.answer.redirect()) {
			return nil
		}
		if hops == f.Follow.AtMost {
			return Failf(prober.ReasonRedirect, "want %s after at most %d redirects, got a further one or another answer (status %d)",
				f.Follow.Until.Source, hops, s.answer.status)
		}
		from := s.answer
		if err := f.hop(ctx, s, &from); err != nil {
			return err
		}
		s.answer.took = time.Since(begun)
	}
}

// hop follows one redirect.
func (f *FollowStep) hop(ctx context.Context, s *Session, from *answer) error {
	to, err := from.next()
	if err != nil {
		return err
	}
	req := s.newRequest(ctx, http.MethodGet, to, nil, "")
	req.Header.Set("Accept", acceptPages)
	if err := f.Headers.setHeaders(req, s); err != nil {
		return err
	}
	s.again()
	return s.exchange(req, 0, int64(f.MaxBody))
}

// acceptPages is the Accept of what a browser asks for.
const acceptPages = "text/html, application/xhtml+xml, */*;q=0.5"

// next is where the answer redirects to, if that can be followed.
func (a *answer) next() (*url.URL, error) {
	to := a.redirect()
	switch {
	case a.status >= 400:
		return nil, Failf(reasonOfStatus(a.status), "want a redirect to follow, got %d", a.status)
	case a.status < 300:
		return nil, Failf(prober.ReasonMissingValue, "want a redirect to follow, got %d", a.status)
	case a.header.Get("Location") == "":
		return nil, Failf(prober.ReasonMissingValue, "want a redirect to follow, got %d without a Location", a.status)
	case a.status >= 307 && a.method != http.MethodGet && a.method != http.MethodHead: // RFC 9110, sections 15.4.8 and 15.4.9
		return nil, Failf(prober.ReasonRedirect, "want a redirect to follow with GET, got %d, which asks for the %s again", a.status, a.method)
	case to == nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https":
		return nil, Failf(prober.ReasonRedirect, "want a redirect to an http or https URL, got one to something else (status %d)", a.status)
	case a.url.Scheme == "https" && to.Scheme == "http":
		return nil, Failf(prober.ReasonRedirect, "want a redirect that stays with https, got one from https to http (status %d)", a.status)
	}
	return sendable(to), nil
}

// sendable makes a URL of an answer one that fits into a request line: net/http
// writes its query as it is.
func sendable(to *url.URL) *url.URL {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(to.RawQuery) {
		if c := to.RawQuery[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	clean := *to
	clean.RawQuery = b.String()
	return &clean
}
