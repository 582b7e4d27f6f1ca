package checks

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/authprober/authprober/prober"
)

// A run goes to the origins that its flow names: that of its target, those of
// `origins`, and those of its OAuth clients' issuers and endpoints. Whatever a target
// answers, in a redirect, a form, its metadata or a value that is captured, cannot send
// a run, with its tokens and from where it stands, anywhere else.

// errForeign is the error of a redirect to another origin.
var errForeign = errors.New("a redirect to an origin that the flow does not name")

// setOrigins evaluates the origins that the flow names beside its target's.
func (f *compiled) setOrigins(src *source, s *Scope) {
	f.origins = []string{f.origin}
	for i := range src.flow.Origins {
		t := &src.flow.Origins[i]
		text, ok := f.constant(t, s)
		if !ok {
			continue
		}
		to, err := url.Parse(text)
		if err != nil || !isHTTP(to) || to.User != nil { // a path, as where env has one, changes no origin
			s.doc.Errorf(t.node, "this is no origin; want a scheme and a host, and a port where it has one, such as https://login.bank.example")
			continue
		}
		f.origins = append(f.origins, origin(to))
	}
}

// nameOrigin adds the origin of a URL that the flow names by itself.
func (f *compiled) nameOrigin(text string) {
	if to, err := url.Parse(f.absolute(text)); err == nil && isHTTP(to) {
		f.origins = append(f.origins, origin(to))
	}
}

func isHTTP(u *url.URL) bool {
	return u.Hostname() != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// names reports whether a URL is of an origin that the flow names.
func (f *compiled) names(u *url.URL) bool {
	if rest, ok := strings.CutPrefix(f.base, u.Scheme); ok && u.Host != "" && u.User == nil { // as most requests: written as the target is
		if rest, ok = strings.CutPrefix(rest, "://"); ok {
			if rest, ok = strings.CutPrefix(rest, u.Host); ok && (rest == "" || rest[0] == '/') {
				return true
			}
		}
	}
	return slices.Contains(f.origins, origin(u))
}

// vetOrigin notes a request whose URL, as far as it is known at load, is of an origin
// that the flow does not name.
func (t *Template) vetOrigin(s *Scope) {
	if s.flow == nil || s.flow.origin == "" || strings.HasPrefix(t.Source, "/") {
		return
	}
	noted := false
	note := func(text, of string) {
		to, err := url.Parse(s.flow.absolute(text))
		if err != nil || !isHTTP(to) || s.flow.names(to) || noted {
			return
		}
		noted = true
		s.doc.Errorf(t.node, "%sthe request goes to another origin than the target's; want it in origins: [%s]", of, originText(to))
	}
	if begin, known := originIn(t.Source); known {
		note(begin, "")
		return
	}
	begin := *t
	if len(t.parts) > 1 && strings.IndexAny(t.parts[1].literal, "/?#") == 0 { // what comes later changes no origin
		begin.parts = t.parts[:1]
	}
	s.atLoad(&begin, note)
}

// compiled reports whether nothing is wrong with the template's expressions.
func (t *Template) compiled() bool {
	return !slices.ContainsFunc(t.parts, func(p part) bool { return p.source != "" && p.program == nil })
}

// originText is an origin as people write it.
func originText(u *url.URL) string { return u.Scheme + "://" + u.Host }

// originIn is what a URL begins with, up to the end of its host, where it has no
// expression in it.
func originIn(source string) (begin string, known bool) {
	scheme, rest, ok := strings.Cut(source, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if !ok || strings.Contains(scheme, "${{") || strings.Contains(rest[:end], "${{") {
		return "", false
	}
	return scheme + "://" + rest[:end], true
}

// refuseForeign is the failure of a request that an answer sends elsewhere. The host is
// the target's text, and not shown.
func (s *Session) refuseForeign(to *url.URL) error {
	if s.flow.names(to) {
		return nil
	}
	return Failf(prober.ReasonForeignOrigin, "the target sends the run to an origin that the flow does not name; nothing was sent there")
}

// metadataAddresses are where clouds tell whoever asks from a machine of theirs, beside
// those that are link-local.
var metadataAddresses = []netip.Addr{
	netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd20:ce::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("192.0.0.192"),
}

// refuseAddress is the error of a name that resolves to an address of this machine's
// link or of its cloud's metadata, which no target has. Whoever means one writes the
// address itself into the flow.
func refuseAddress(found []netip.Addr) error {
	for _, a := range found {
		if a = a.Unmap(); a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsMulticast() || a.IsUnspecified() || slices.Contains(metadataAddresses, a) {
			return fmt.Errorf("%w: %s", errForbiddenAddress, a)
		}
	}
	return nil
}

var errForbiddenAddress = errors.New("the name resolves to an address of this machine's own network or of its cloud's metadata")
