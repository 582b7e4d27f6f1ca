package checks

import (
	"net/http"
	"slices"
	"strings"

	"github.com/expr-lang/expr/types"
	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/functions"
	"github.com/authprober/authprober/checks/internal/strict"
)

// SignSettings sign a request in a dialect of its own: what is signed, and where the
// signature goes, are templates. Expressions in them also read `request` (method,
// url, host, path, query, target: the path with its query, headers.NAME with the name
// in lower case, and body), and those in headers read `signature`, in bytes.
type SignSettings struct {
	// Text is what is signed. In YAML write a text of several lines with |-, for | adds a line end that would be signed too.
	Text Template `yaml:"text,required"`
	// Key is the private key in PEM; for HS256 and its like the shared secret.
	Key Template `yaml:"key,required"`
	// Algorithm is one of the helper sign: RS256, PS256, ES256, ES256-DER, EdDSA, HS256 and others.
	Algorithm string `yaml:"algorithm,required"`
	// Before are header fields that are set before the text is made, such as a Digest.
	Before Pairs `yaml:"before"`
	// Headers are header fields that are set with the signature.
	Headers Pairs `yaml:"headers,required"`

	node *yaml.Node
}

// DecodeYAML implements strict.Decoder: it keeps the place for later mistakes.
func (g *SignSettings) DecodeYAML(d *strict.Document, n *yaml.Node) {
	type plain SignSettings
	var set plain
	d.Decode(n, &set)
	*g = SignSettings(set)
	g.node = n
}

func (g *SignSettings) templates(f func(*Template)) {
	f(&g.Text)
	f(&g.Key)
	for _, pairs := range []Pairs{g.Before, g.Headers} {
		for i := range pairs {
			f(&pairs[i].Value)
		}
	}
}

// requestNames are the members of a request as the expressions of a dialect see it.
var requestNames = types.Map{
	"method": types.String, "url": types.String, "host": types.String, "path": types.String, "query": types.String,
	"target": types.String, "headers": types.Any, "body": types.String,
}

// sentHeaders are header fields by their names in lower case. That one is missing is
// the flow's mistake, and not the target's.
type sentHeaders map[string]any

// vet compiles the templates, which see more than those of the step. sent are the
// header fields that the request has before, authorized says that another setting
// makes its Authorization.
func (g *SignSettings) vet(s *Scope, sent []string, authorized bool) {
	if all := functions.SignAlgorithms(); !slices.Contains(all, g.Algorithm) {
		if g.Algorithm == "" {
			return // missing, and that is noted
		}
		s.doc.Errorf(placeOf(g.node, "algorithm"), "unknown algorithm %q; want one of %s%s", g.Algorithm, strings.Join(all, ", "), strict.Nearest(g.Algorithm, all))
		return
	}
	for _, name := range []string{"request", "signature"} {
		if step, taken := s.captured[name]; taken {
			s.doc.Errorf(g.node, "%s has a meaning of its own in sign, and step %q captures a value of this name; choose another for it", name, step)
			return
		}
	}
	g.compile(s)
	g.vetHeaders(s, sent, authorized)
	s.atLoad(&g.Key, func(key, of string) {
		if _, err := functions.Sign(nil, key, g.Algorithm); err != nil {
			s.doc.Errorf(placeOf(g.node, "key"), "%s%v", of, err)
		}
	})
}

func (g *SignSettings) compile(s *Scope) {
	g.Key.compile(s)
	before := s.with("request", requestNames)
	g.Before.compile(before)
	g.Text.compile(before)
	after := before.with("signature", types.TypeOf([]byte(nil)))
	g.Headers.compile(after)
	s.totpSeen = s.totpSeen || before.totpSeen || after.totpSeen
	s.missSeen = s.missSeen || before.missSeen || after.missSeen
}

func (g *SignSettings) vetHeaders(s *Scope, sent []string, authorized bool) {
	slices.Concat(g.Before, g.Headers).vetRequestHeaders(s, authorized)
	for i, h := range slices.Concat(g.Before, g.Headers) {
		name := strings.ToLower(h.Name)
		if i < len(g.Before) && name == "date" || name == "host" { // may be set anew, to be signed as they are
			continue
		}
		if slices.Contains(sent, name) && !isManaged(name) && !(name == "authorization" && authorized) {
			s.doc.Errorf(h.node, "the header field %s is set twice: here and by another setting of the step", h.Name)
		}
		sent = append(sent, name)
	}
	used, well := false, true
	for i := range g.Headers {
		for _, p := range g.Headers[i].Value.parts {
			well = well && (p.source == "" || p.program != nil)
			used = used || p.program != nil && p.program.mentions["signature"]
		}
	}
	if well && !used && len(g.Headers) > 0 {
		s.doc.Errorf(placeOf(g.node, "headers"), "no header field of sign has the signature; put it there in an encoding, such as ${{ base64(signature) }}")
	}
}

// names lists the header fields that the dialect sets, in lower case.
func (g *SignSettings) names() (names []string) {
	for _, h := range slices.Concat(g.Before, g.Headers) {
		names = append(names, strings.ToLower(h.Name))
	}
	return names
}

func (g *SignSettings) sign(req *http.Request, body []byte, s *Session) error {
	defer delete(s.vars, "request") // vet has made sure that nothing else is called so
	defer delete(s.vars, "signature")
	s.vars["request"] = describeRequest(req, body)
	if err := g.Before.setHeaders(req, s); err != nil {
		return err
	}
	s.vars["request"] = describeRequest(req, body)
	text, err := g.Text.text(s, nil)
	if err != nil {
		return err
	}
	key, err := g.Key.text(s, nil)
	if err != nil {
		return err
	}
	signature, err := functions.Sign([]byte(text), key, g.Algorithm)
	if err != nil {
		return err
	}
	s.vars["signature"] = signature
	return g.Headers.setHeaders(req, s)
}

// describeRequest leaves cookies out: those that the target has set are not yet among
// them.
func describeRequest(req *http.Request, body []byte) map[string]any {
	headers := sentHeaders{"host": req.Host}
	for name := range req.Header {
		if name != "Cookie" {
			headers[strings.ToLower(name)] = strings.Join(req.Header.Values(name), ", ")
		}
	}
	path, query, _ := strings.Cut(req.URL.RequestURI(), "?")
	return map[string]any{
		"method": req.Method, "url": req.URL.String(), "host": req.Host, "path": path, "query": query,
		"target": req.URL.RequestURI(), "headers": headers, "body": string(body), // its bytes, as they are sent
	}
}
