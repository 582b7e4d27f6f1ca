package checks

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/authprober/authprober/checks/internal/mask"
	"github.com/authprober/authprober/prober"
)

// shownBody is how many bytes of a body an exchange shows at the most, masked.
const shownBody = 2 << 10

// A sent is the last request of a step. Nothing is copied for it: most runs pass, and
// nobody asks.
type sent struct {
	request *http.Request // nil where none was sent
	body    []byte
}

// Header fields that an exchange shows as they are, once secrets are redacted.
var (
	plainRequest = []string{"Accept", "Accept-Language", "Content-Type", "Origin", "Traceparent", "User-Agent"}
	plainAnswer  = []string{"Age", "Cache-Control", "Cf-Ray", "Content-Length", "Content-Type", "Date", "Proxy-Status", "Request-Id",
		"Retry-After", "Server", "Traceparent", "Via", "X-Amz-Cf-Id", "X-Amzn-Requestid", "X-Amzn-Trace-Id", "X-B3-Traceid", "X-Cache",
		"X-Correlation-Id", "X-Envoy-Upstream-Service-Time", "X-Fapi-Interaction-Id", "X-Request-Id", "X-Served-By"}
	// Of these only what comes before the secret is shown, such as the scheme of credentials.
	maskedRequest = []string{"Authorization", "Cookie", "Dpop", "Signature", "Signature-Input"}
	maskedAnswer  = []string{"Dpop-Nonce", "Location", "Set-Cookie", "Www-Authenticate"}
)

// longestField is how many bytes of a header field an exchange shows at the most.
const longestField = 256

// sampled reports whether the exchanges of a run are kept even if it passes: of the
// first of a flow, and of each so many.
func (f *compiled) sampled() bool {
	every := uint64(max(0, f.options.Sample))
	return every > 0 && (f.samples.Add(1)-1)%every == 0
}

// noteExchange keeps what the step has sent and got, where it failed or the run is one
// of those that are kept.
func (s *Session) noteExchange() {
	if s.flow.options.Sample <= 0 || s.sent.request == nil || s.result.Reason == "" && !s.sampled {
		return
	}
	req := s.sent.request
	x := &prober.Exchange{
		Request: req.Method + " " + mask.URL(req.URL),
		Header:  chosen(req.Header, plainRequest, maskedRequest),
	}
	if name := s.flow.options.MarkerName; name != "" && req.Header.Get(name) != "" {
		x.Header = append(x.Header, prober.Field{Name: name, Value: s.flow.options.MarkerValue})
	}
	if c, ok := s.acting.Step.(interface{ curl(base string) string }); ok {
		x.Curl = c.curl(s.flow.base)
	}
	x.Body, _ = shape(s.sent.body, req.Header.Get("Content-Type"))
	if _, ok := s.acting.Step.(successor); ok && len(s.sent.body) > 0 { // a page has chosen the names too
		x.Body = "form " + mask.Hidden
	}
	if a := &s.answer; a.status != 0 && !a.private {
		x.Proto, x.Status, x.AnswerBytes = a.proto, a.status, int64(len(a.body))
		x.AnswerHeader = chosen(a.header, plainAnswer, maskedAnswer)
		x.Answer, x.AnswerCut = shape(a.body, a.header.Get("Content-Type"))
	}
	s.result.Exchange = x
}

// redactExchanges redacts what exchanges show, at the end of the run, when all that is
// secret is known.
func (s *Session) redactExchanges() {
	for _, results := range [][]prober.StepResult{s.report.Steps, s.report.Cleanup} {
		for i := range results {
			if x := results[i].Exchange; x != nil {
				s.redactExchange(x)
			}
		}
	}
}

func (s *Session) redactExchange(x *prober.Exchange) {
	for _, text := range []*string{&x.Request, &x.Body, &x.Answer, &x.Curl} {
		*text = strings.ToValidUTF8(s.redact(*text), "?")
	}
	for _, fields := range [][]prober.Field{x.Header, x.AnswerHeader} {
		for i := range fields {
			fields[i].Value = strings.ToValidUTF8(s.redact(fields[i].Value), "?")
		}
	}
}

// chosen are the fields of a header that are shown.
func chosen(h http.Header, plain, masked []string) (fields []prober.Field) {
	for _, name := range plain {
		for _, value := range h.Values(name) {
			fields = append(fields, prober.Field{Name: name, Value: cut(withoutControls(value))})
		}
	}
	for _, name := range masked {
		for _, value := range h.Values(name) {
			fields = append(fields, prober.Field{Name: name, Value: cut(withoutControls(maskField(name, value)))})
		}
	}
	slices.SortStableFunc(fields, func(a, b prober.Field) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

func cut(s string) string {
	if len(s) <= longestField {
		return s
	}
	return strings.ToValidUTF8(s[:longestField], "") + "…"
}

// withoutControls is a value in one line.
func withoutControls(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, s)
}

// maskField shows what a field is about.
func maskField(name, value string) string {
	switch name {
	case "Authorization", "Www-Authenticate":
		scheme, _, _ := strings.Cut(value, " ")
		return mask.Key(scheme) + " " + mask.Hidden
	case "Cookie":
		var names []string
		for pair := range strings.SplitSeq(value, ";") {
			names = append(names, maskCookie(strings.TrimSpace(pair)))
		}
		return strings.Join(names, "; ")
	case "Set-Cookie":
		first, rest, _ := strings.Cut(value, ";")
		return maskCookie(first) + attributes(rest)
	case "Location":
		return maskLocation(value)
	}
	return mask.Hidden
}

// maskLocation shows where a redirect leads, but of the schemes of apps nothing, as
// they are whatever their maker likes.
func maskLocation(value string) string {
	to, err := url.Parse(value)
	switch {
	case err != nil:
		return mask.Hidden
	case to.Scheme == "" || to.Scheme == "http" || to.Scheme == "https":
		return mask.URL(to)
	}
	return "[app]:" + mask.Path(to.EscapedPath()) + "?" + mask.Form(to.RawQuery)
}

func maskCookie(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	return mask.Key(name) + "=" + mask.Hidden
}

// attributes are those of a cookie that say how it is kept.
func attributes(rest string) string {
	var b strings.Builder
	for one := range strings.SplitSeq(rest, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(one), "=")
		switch strings.ToLower(name) {
		case "secure", "httponly", "partitioned":
			b.WriteString("; " + name)
		case "samesite", "max-age", "expires", "path":
			b.WriteString("; " + name + "=" + mask.Path(value))
		}
	}
	return b.String()
}

// shape shows a body of a media type.
func shape(body []byte, contentType string) (text string, cut bool) {
	if len(body) == 0 {
		return "", false
	}
	kind, _, _ := mime.ParseMediaType(contentType)
	if kind == "application/x-www-form-urlencoded" {
		text = mask.Form(string(body[:min(len(body), shownBody)]))
		return text, len(body) > shownBody
	}
	if text, cut, ok := mask.JSON(body, shownBody); ok {
		return text, cut
	}
	return mask.Text(body, strings.Contains(kind, "html") || strings.Contains(kind, "xml"), shownBody)
}
