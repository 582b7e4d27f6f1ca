package checks

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// A pattern is a kind of step that a ready check sends again.
type pattern struct {
	about   string // what such a step is, for people
	request bool   // it is a request with a token, which may be given in another way
	// is reports whether a step is one. Of requests with a token, those that get
	// something come first: what is accepted then has changed nothing.
	is func(n *yaml.Node, u *use) bool
}

// patterns are the patterns by name.
var patterns = map[string]pattern{
	"token": {"GET with bearer or with the token of dpop, or else the last such request", true, func(n *yaml.Node, _ *use) bool {
		return valueOf(n, "request") != nil && tokenOf(n) != nil
	}},
	"dpop": {"GET with the token of dpop, or else the last such request", true, func(n *yaml.Node, _ *use) bool {
		return valueOf(n, "request") != nil && valueOf(n, "bearer") == nil && tokenOf(n) != nil
	}},
	"signed": {"request with jws, signature or sign", false, func(n *yaml.Node, _ *use) bool {
		return hasAny(n, "jws", "signature", "sign")
	}},
	"refresh": {"step that sends a refresh_token", false, func(n *yaml.Node, _ *use) bool {
		return hasAny(n, "refresh_token") || hasAny(valueOf(n, "json"), "refresh_token") || hasAny(valueOf(n, "form"), "refresh_token")
	}},
	"code": {"step `token: authorization_code`", false, func(n *yaml.Node, _ *use) bool {
		return textAt(n, "token") == grantCode
	}},
	"authorize": {"step `authorize`", false, func(n *yaml.Node, _ *use) bool { return hasAny(n, "authorize") }},
	"client": {"step par, introspect or `token: client_credentials`", false, func(n *yaml.Node, _ *use) bool {
		return hasAny(n, "par", "introspect") || textAt(n, "token") == grantClient
	}},
	"field": {"request that has the field in its form, json, query, headers or cookies", false, func(n *yaml.Node, u *use) bool {
		return valueOf(n, "request") != nil && slices.ContainsFunc(fieldPlaces, func(place string) bool {
			return fieldNamed(valueOf(n, place), u.with["field"].Value) != nil
		})
	}},
}

// fieldPlaces are the settings of a request that have fields.
var fieldPlaces = []string{"form", "json", "query", "headers", "cookies"}

// hasAny reports whether n is a mapping with one of the keys.
func hasAny(n *yaml.Node, keys ...string) bool {
	return n != nil && slices.ContainsFunc(keys, func(key string) bool { return valueOf(n, key) != nil })
}

// fieldNamed is the value that a mapping has under the name, in any case; nil where n is
// none, or has no such field.
func fieldNamed(n *yaml.Node, name string) *yaml.Node {
	for i := 0; n != nil && i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		if strings.EqualFold(n.Content[i].Value, name) {
			return n.Content[i+1]
		}
	}
	return nil
}

func textAt(n *yaml.Node, key string) string {
	if value := valueOf(n, key); value != nil {
		return value.Value
	}
	return ""
}

// tokenOf is the access token that a request sends; nil where it sends none.
func tokenOf(n *yaml.Node) *yaml.Node {
	if bearer := valueOf(n, "bearer"); bearer != nil {
		return bearer
	}
	dpop := valueOf(n, "dpop")
	if dpop != nil && dpop.Kind == yaml.AliasNode {
		dpop = dpop.Alias
	}
	if dpop != nil && dpop.Kind == yaml.MappingNode {
		return valueOf(dpop, "token")
	}
	return dpop
}

// pattern finds the step that the check sends again; nil where there is none, which
// is noted, and where it repeats none.
func (u *use) pattern(d *strict.Document, before []*yaml.Node) *yaml.Node {
	p := patterns[u.check.Repeats]
	if named := u.with["step"]; named != nil {
		return u.named(d, before, named)
	}
	var found *yaml.Node
	for _, n := range slices.Backward(before) {
		if valueOf(n, "refuse") != nil || !p.is(n, u) {
			continue
		}
		if !p.request || strings.HasPrefix(textAt(n, "request"), "GET ") {
			return n
		}
		if found == nil { // one that may change something, such as the logout
			found = n
		}
	}
	if found != nil {
		return found
	}
	if p.request && u.with["request"] != nil {
		return nil
	}
	further := ""
	if p.request {
		further = ", or say with: {request: GET /…}"
	}
	d.Errorf(u.node, "%s sends again what a step before it sends, the last %s, and there is none; put it after one%s", u.check.name, p.about, further)
	return nil
}

func (u *use) named(d *strict.Document, before []*yaml.Node, named *yaml.Node) *yaml.Node {
	var names []string
	for _, n := range before {
		if name := textAt(n, "name"); name == named.Value {
			u.vetNamed(d, n, named)
			return n
		} else if name != "" {
			names = append(names, name)
		}
	}
	d.Errorf(named, "no step before is named %q%s", named.Value, strict.Nearest(named.Value, names))
	return nil
}

// vetNamed holds the step of a name to what the check sends again: of another one the
// refusal would be for another reason, or no acceptance would be wrong.
func (u *use) vetNamed(d *strict.Document, n, named *yaml.Node) {
	p := patterns[u.check.Repeats]
	given := p.request && valueOf(n, "request") != nil && u.with["token"] != nil && !u.check.Bare
	switch {
	case valueOf(n, "refuse") != nil:
		d.Errorf(named, "the step %q must be refused itself; %s sends again what is accepted", named.Value, u.check.name)
	case !p.is(n, u) && !given:
		d.Errorf(named, "the step %q is no %s, which is what %s sends again", named.Value, p.kind(), u.check.name)
	}
}

// kind is what such a step is, whichever of them is the last.
func (p pattern) kind() string {
	about, _, _ := strings.Cut(p.about, ", or else")
	if p.request {
		return strings.Replace(about, "GET", "request", 1)
	}
	return about
}

// pushBefore is the step that pushes what a step authorize refers to; nil where that
// says everything itself.
func pushBefore(before []*yaml.Node, authorize *yaml.Node) *yaml.Node {
	at := slices.Index(before, authorize)
	for _, n := range slices.Backward(before[:max(at, 0)]) {
		switch {
		case hasAny(n, "authorize"):
			return nil
		case hasAny(n, "par"):
			return n
		}
	}
	return nil
}
