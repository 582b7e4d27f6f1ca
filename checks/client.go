package checks

import (
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// Clients are the OAuth 2.0 clients of a flow, in the order of the file.
type Clients []*Client

// DecodeYAML implements strict.Decoder.
func (c *Clients) DecodeYAML(d *strict.Document, n *yaml.Node) {
	for key, value := range d.Pairs(n) {
		one := &Client{name: key.Value, node: key, body: value}
		d.Decode(value, one)
		if !identifier.MatchString(key.Value) {
			d.Errorf(key, "%q is no name for a client; want letters, digits and _, beginning with a letter", key.Value)
			continue
		}
		*c = append(*c, one)
	}
}

// A Client is an OAuth 2.0 client: what the authorization server knows the app by,
// and how it talks to it. The steps discovery, jwks, par, authorize, token and
// their like use it.
type Client struct {
	// Issuer is the issuer identifier of the authorization server, a URL without query (RFC 8414 section 2), compared letter by letter with what the server says of itself. Expressions may read env. The default is the flow's target.
	Issuer Template `yaml:"issuer"`
	// ClientID is the client's identifier.
	ClientID Template `yaml:"client_id,required"`
	// RedirectURI is where the authorization server sends the user back to. It is never followed: an answer that goes there, by a redirect or a form that submits itself, is read as the authorization response.
	RedirectURI Template `yaml:"redirect_uri"`
	// Scope are the scopes that are asked for, separated by spaces. With openid among them an ID token has to come and to verify.
	Scope Template `yaml:"scope"`
	// Auth says how the client authenticates. The default is not at all: a public client.
	Auth ClientAuth `yaml:"auth"`
	// ResponseType is what authorize asks for: code, the default, or "code id_token" (FAPI 1 Advanced).
	ResponseType string `yaml:"response_type"`
	// ResponseMode is how the authorization response comes: query, fragment, form_post, jwt, query.jwt, fragment.jwt or form_post.jwt (JARM). The default sends none, and takes that of the response type.
	ResponseMode string `yaml:"response_mode"`
	// RequestObject is the key with which authorization requests are signed (JAR, RFC 9101). Without one they are not.
	RequestObject *SigningKey `yaml:"request_object"`
	// DPoP binds the tokens to a key that the client proves to have (RFC 9449).
	DPoP *DPoPKey `yaml:"dpop"`
	// IDTokenAlgorithms are those an ID token, or a signed authorization response, may be signed with. The default is RS256, PS256, ES256, ES384 and EdDSA.
	IDTokenAlgorithms []string `yaml:"id_token_algorithms"`
	// Endpoints are the server's, as paths of the target or whole URLs, by the name that its metadata has for each, such as token_endpoint. They take precedence over what discovery finds.
	Endpoints Pairs `yaml:"endpoints"`

	name   string
	node   *yaml.Node // its name
	body   *yaml.Node // its settings
	issuer string
}

// place is where a setting of the client stands, or what is nearest to it.
func (c *Client) place(keys ...string) *yaml.Node {
	at, in := c.node, c.body
	for _, key := range keys {
		if in = valueOf(in, key); in == nil {
			break
		}
		at = in
	}
	return at
}

// valueOf is the value of a key in a mapping; nil where there is none.
func valueOf(in *yaml.Node, key string) *yaml.Node {
	if in.Kind == yaml.AliasNode && in.Alias != nil {
		in = in.Alias
	}
	for i := 0; i+1 < len(in.Content) && in.Kind == yaml.MappingNode; i += 2 {
		if in.Content[i].Value == key {
			return in.Content[i+1]
		}
	}
	return nil
}

// A SigningKey is a private key and what is said of it in the header of a JWT.
type SigningKey struct {
	// Key is the private key in PEM, without a passphrase.
	Key Template `yaml:"key,required"`
	// Algorithm is the JWS algorithm: RS256, PS256, ES256, ES384 or EdDSA.
	Algorithm string `yaml:"algorithm,required"`
	// KeyID goes into the header as kid. The default is none.
	KeyID Template `yaml:"key_id"`
	// Audience is the aud of the JWT. The default is the issuer.
	Audience Template `yaml:"audience"`
	// Lifetime is the time from its iat to its exp. The default is 1m.
	Lifetime Duration `yaml:"lifetime"`
}

func (k *SigningKey) templates(f func(*Template)) {
	f(&k.Key)
	f(&k.KeyID)
	f(&k.Audience)
}

func (c *Client) templates(f func(*Template)) {
	f(&c.ClientID)
	f(&c.RedirectURI)
	f(&c.Scope)
	c.Auth.templates(f)
	if c.RequestObject != nil {
		c.RequestObject.templates(f)
	}
	if c.DPoP != nil {
		f(&c.DPoP.Key)
	}
	for i := range c.Endpoints {
		f(&c.Endpoints[i].Value)
	}
}

var responseModes = []string{"", "query", "fragment", "form_post", "jwt", "query.jwt", "fragment.jwt", "form_post.jwt"}

// endpointNames are those of the metadata that a step sends something to.
var endpointNames = []string{
	"authorization_endpoint", "backchannel_authentication_endpoint", "device_authorization_endpoint", "introspection_endpoint",
	"jwks_uri", "pushed_authorization_request_endpoint", "revocation_endpoint", "token_endpoint", "userinfo_endpoint",
}

// vetClients compiles what the flow says of its clients.
func (f *compiled) vetClients(src *source, s *Scope) {
	f.clients = src.flow.Clients
	for _, c := range f.clients {
		c.vet(f, s)
	}
}

func (c *Client) vet(f *compiled, s *Scope) {
	c.setIssuer(f, s)
	c.templates(func(t *Template) { t.compile(s) })
	if !slices.Contains(responseModes, c.ResponseMode) {
		s.doc.Errorf(c.place("response_mode"), "the client %s has the response_mode %q%s", c.name, c.ResponseMode, strict.Nearest(c.ResponseMode, responseModes))
	}
	if types := []string{"", "code", "code id_token"}; !slices.Contains(types, c.ResponseType) {
		s.doc.Errorf(c.place("response_type"), "the client %s has the response_type %q; want code or \"code id_token\"", c.name, c.ResponseType)
	}
	for i := range c.Endpoints {
		if e := &c.Endpoints[i]; !slices.Contains(endpointNames, e.Name) {
			s.doc.Errorf(e.node, "unknown endpoint %q; want one of %s%s", e.Name, strings.Join(endpointNames, ", "), strict.Nearest(e.Name, endpointNames))
		}
		c.vetEndpoint(&c.Endpoints[i], s)
	}
	for _, alg := range c.IDTokenAlgorithms {
		if !slices.Contains(publicAlgorithms, alg) {
			s.doc.Errorf(c.place("id_token_algorithms"), "the client %s takes tokens that are signed with %q; want some of %s%s", c.name, alg,
				strings.Join(publicAlgorithms, ", "), strict.Nearest(alg, publicAlgorithms))
		}
	}
	c.Auth.vet(c, s)
	c.vetKeys(s)
}

// vetEndpoint tries an endpoint where it is known before the first run.
func (c *Client) vetEndpoint(e *Pair, s *Scope) {
	s.atLoad(&e.Value, func(text, of string) {
		if _, err := parseEndpoint(s.flow.absolute(text), e.Name); err != nil {
			s.doc.Errorf(e.Value.node, "%s%v; want a path that begins with /, or a whole URL", of, err)
		}
		s.flow.nameOrigin(text)
	})
}

func (c *Client) vetKeys(s *Scope) {
	if c.RequestObject != nil {
		c.RequestObject.vet(s, c.place("request_object", "algorithm"))
	}
	if c.DPoP != nil {
		c.DPoP.vet(s, c.place("dpop", "algorithm"))
	}
	s.atLoad(&c.RedirectURI, func(text, of string) {
		if to, err := url.Parse(text); err != nil || to.Scheme == "" || to.Fragment != "" {
			s.doc.Errorf(c.RedirectURI.node, "%sthe redirect_uri is no absolute URI without a fragment (RFC 6749 section 3.1.2)", of)
		}
	})
}

// setIssuer evaluates the issuer, which is the same for every run.
func (c *Client) setIssuer(f *compiled, s *Scope) {
	if !c.Issuer.isSet() {
		c.issuer = f.base
		return
	}
	text, ok := f.constant(&c.Issuer, s)
	if !ok {
		return
	}
	to, err := url.Parse(text)
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" || to.RawQuery != "" || to.Fragment != "" || to.User != nil {
		s.doc.Errorf(c.Issuer.node, "the issuer is no URL without query and fragment, such as https://id.bank.example (RFC 8414 section 2)")
		return
	}
	c.issuer = text
	f.nameOrigin(text)
}

// vet tries the key where it is known before the first run.
func (k *SigningKey) vet(s *Scope, at *yaml.Node) {
	if k.Algorithm == "" {
		return // noted: it is required
	}
	if !slices.Contains(privateAlgorithms, k.Algorithm) {
		s.doc.Errorf(at, "unknown algorithm %q; want one of %s%s", k.Algorithm,
			strings.Join(privateAlgorithms, ", "), strict.Nearest(k.Algorithm, privateAlgorithms))
		return
	}
	s.atLoad(&k.Key, func(text, of string) {
		if err := s.flow.learn(text, k.Algorithm); err != nil {
			s.doc.Errorf(k.Key.node, "%s%v", of, err)
		}
	})
}
