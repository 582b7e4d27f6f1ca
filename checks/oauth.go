package checks

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/checks/internal/jose"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// ClientStep are the settings that the steps of an OAuth client share.
type ClientStep struct {
	StepSettings `yaml:",inline"`
	// Client names the client of the flow. It may be left out where there is one only.
	Client string `yaml:"client"`
	// Params are parameters of the request, in place of those that the step computes, or beside them.
	Params Pairs `yaml:"params"`
	// Headers are header fields, set in place of the default ones.
	Headers Pairs `yaml:"headers"`
	// Misuse is what the client does wrong on purpose, where it must be refused: assertion_expired sends an assertion that expired an hour ago, assertion_replayed the last one that was sent in the run; code_replayed, of the grant authorization_code, the last code that was exchanged in the run.
	Misuse string `yaml:"misuse"`

	client *Client
}

// vetClient finds the client, notes what is wrong, and reports whether there is one.
func (st *ClientStep) vetClient(s *Scope) bool {
	st.clientTemplates(func(t *Template) { t.compile(s) })
	st.Headers.vetHeaders(s, "Authorization")
	all := s.flow.clients
	switch {
	case st.Client == "" && len(all) == 1:
		st.client = all[0]
	case len(all) == 0:
		s.doc.Errorf(st.node, "the step %q needs a client, and the flow has no clients", st.Name)
	case st.Client == "":
		s.doc.Errorf(st.node, "the step %q has to name its client: one of %s", st.Name, strings.Join(all.names(), ", "))
	default:
		if i := slices.Index(all.names(), st.Client); i >= 0 {
			st.client = all[i]
		} else {
			s.doc.Errorf(st.at("client"), "there is no client named %q%s", st.Client, strict.Nearest(st.Client, all.names()))
		}
	}
	st.vetMisuse(s)
	return st.client != nil
}

func (st *ClientStep) clientTemplates(f func(*Template)) {
	for _, pairs := range []Pairs{st.Params, st.Headers} {
		for i := range pairs {
			f(&pairs[i].Value)
		}
	}
}

// Needs implements [Step].
func (st *ClientStep) Needs(captured map[string]string) (names []string) {
	st.clientTemplates(func(t *Template) { names = append(names, t.needs(captured)...) })
	return names
}

// Reasons implements [Step].
func (st *ClientStep) Reasons() []prober.Reason {
	rs := append(slices.Clone(exchangeReasons), prober.ReasonMissingValue, prober.ReasonOAuthError,
		prober.ReasonStatus4xx, prober.ReasonStatus5xx, prober.ReasonRateLimited, prober.ReasonRedirect, prober.ReasonAssertion)
	if st.client != nil && st.client.DPoP != nil {
		rs = append(rs, prober.ReasonChallenge)
	}
	return rs
}

func (c Clients) names() []string {
	names := make([]string, len(c))
	for i := range c {
		names[i] = c[i].name
	}
	return names
}

// A grant is what one run knows of one client: the metadata and keys it has
// fetched, and what belongs to the authorization under way.
type grant struct {
	metadata map[string]any
	keys     *jose.KeySet

	verifier, state, nonce string // as sent with the authorization request
	requestURI             string // of a pushed authorization request
	awaited                bool   // an authorization response has to come
	code                   string
	subject                string // of the ID token
	assertion              string // that was sent last
	spent                  codeAndVerifier

	deviceCode, authReqID string
	interval              time.Duration // between polls, as the server asks for
	slowed                bool
}

// codeAndVerifier are what a code was exchanged with.
type codeAndVerifier struct{ code, verifier string }

// grant is what the run knows of the client.
func (s *Session) grant(c *Client) *grant {
	if s.grants == nil {
		s.grants = map[*Client]*grant{}
	}
	if s.grants[c] == nil {
		s.grants[c] = &grant{}
	}
	return s.grants[c]
}

// has reports whether one of the pairs has the name.
func (p Pairs) has(name string) bool {
	return slices.ContainsFunc(p, func(one Pair) bool { return one.Name == name })
}

// set replaces parameters by those of the pairs; one whose text is empty is left out.
func (p Pairs) set(values url.Values, s *Session) error {
	for i := range p {
		text, err := p[i].Value.text(s, nil)
		if err != nil {
			return err
		}
		if text == "" {
			values.Del(p[i].Name)
			continue
		}
		values.Set(p[i].Name, text)
	}
	return nil
}

// asks implements [asker] for the steps of a client: a server may want the proof of
// its key with a nonce of its own.
func (st *ClientStep) asks() int {
	if st.client != nil && st.client.DPoP != nil {
		return 2
	}
	return 1
}
