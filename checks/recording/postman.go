package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

const wantPostman = "want a Postman collection, exported as v2.0 or v2.1: {\"info\": …, \"item\": […]}"

// Postman reads a Postman collection of format v2.0 or v2.1
// (https://schema.postman.com). Folders are flattened in their order; scripts
// are not executed, but `pm.environment.set("x", json.y)` and its like are
// understood. The answer of a request is its first saved example. Errors are as
// with [HAR].
func Postman(r io.Reader) (*Recording, error) {
	p := &postmanReader{in: newInput(r), room: maxBodies, r: &Recording{Source: "a Postman collection", Variables: true, Defaults: map[string]string{}}}
	var c collection
	if err := p.in.object(func(name string) (bool, error) { return p.member(&c, name) }); err != nil {
		return nil, p.in.explain(err, wantPostman)
	}
	switch {
	case c.Item == nil:
		return nil, errors.New("it has no items; " + wantPostman)
	case c.Info.Schema != "" && !strings.Contains(c.Info.Schema, "v2."):
		return nil, errors.New("it is a collection of another format; export it as v2.1")
	}
	p.r.Title = c.Info.Name
	for _, v := range c.Variable {
		p.r.Defaults[v.name()] = v.text()
	}
	if err := p.items(c.Item, inherited{auth: c.Auth, scripts: c.Event}, 0); err != nil {
		return nil, err
	}
	if len(p.r.Exchanges) == 0 {
		return nil, errors.New("it holds no request")
	}
	return p.r, nil
}

type postmanReader struct {
	in   *input
	r    *Recording
	room budget
}

// member decodes a member of the collection.
func (p *postmanReader) member(c *collection, name string) (bool, error) {
	var into any
	switch name {
	case "info":
		into = &c.Info
	case "item":
		into = &c.Item
	case "auth":
		into = &c.Auth
	case "event":
		into = &c.Event
	case "variable":
		into = &c.Variable
	case "log":
		return true, errors.New("this is a HAR recording; read it with: authprober import har FILE")
	default:
		return false, nil
	}
	return true, p.in.dec.Decode(into)
}

type collection struct {
	Info struct {
		Name   string `json:"name"`
		Schema string `json:"schema"`
	}
	Item     []postmanItem
	Auth     *postmanAuth
	Event    []postmanEvent
	Variable []postmanPair
}

type postmanItem struct {
	Name     string            `json:"name"`
	Item     []postmanItem     `json:"item"`
	Request  *postmanRequest   `json:"request"`
	Response []postmanResponse `json:"response"`
	Event    []postmanEvent    `json:"event"`
	Auth     *postmanAuth      `json:"auth"`
}

type postmanRequest struct {
	Method string       `json:"method"`
	URL    postmanURL   `json:"url"`
	Header postmanPairs `json:"header"`
	Body   *postmanBody `json:"body"`
	Auth   *postmanAuth `json:"auth"`
}

// UnmarshalJSON takes a request that is an address alone, too.
func (r *postmanRequest) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		r.Method = "GET"
		return json.Unmarshal(text, &r.URL)
	}
	type plain postmanRequest
	return json.Unmarshal(text, (*plain)(r))
}

type postmanBody struct {
	Mode     string        `json:"mode"`
	Raw      string        `json:"raw"`
	Form     []postmanPair `json:"urlencoded"`
	Parts    []postmanPair `json:"formdata"`
	Disabled bool          `json:"disabled"`
	GraphQL  *struct {
		Query     string `json:"query"`
		Variables any    `json:"variables"`
	} `json:"graphql"`
	Options struct {
		Raw struct {
			Language string `json:"language"`
		} `json:"raw"`
	} `json:"options"`
}

type postmanResponse struct {
	Code   int          `json:"code"`
	Header postmanPairs `json:"header"`
	Body   string       `json:"body"`
}

// inherited is what an item has from its folders.
type inherited struct {
	auth    *postmanAuth
	scripts []postmanEvent
}

func (p *postmanReader) items(items []postmanItem, from inherited, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("its folders are nested more than %d deep", maxDepth)
	}
	for i := range items {
		it := &items[i]
		own := inherited{auth: from.auth, scripts: append(from.scripts[:len(from.scripts):len(from.scripts)], it.Event...)}
		if it.Auth != nil {
			own.auth = it.Auth
		}
		if err := p.items(it.Item, own, depth+1); err != nil {
			return err
		}
		if it.Request == nil {
			continue
		}
		if len(p.r.Exchanges) >= MaxExchanges {
			return fmt.Errorf("it holds more than %d requests", MaxExchanges)
		}
		p.r.Exchanges = append(p.r.Exchanges, p.exchange(it, own))
	}
	return nil
}

func (p *postmanReader) exchange(it *postmanItem, from inherited) Exchange {
	r := it.Request
	x := Exchange{Name: it.Name, Method: strings.ToUpper(r.Method), URL: r.URL.text(), Header: r.Header.fields()}
	if x.Method == "" {
		x.Method = "GET"
	}
	p.body(&x, r.Body)
	if r.Auth != nil {
		from.auth = r.Auth
	}
	from.auth.apply(&x)
	if len(it.Response) > 0 {
		a := &it.Response[0]
		text, _ := p.room.take(a.Body)
		x.Answer = Answer{Status: a.Code, Header: a.Header.fields(), Text: text}
		x.Answer.Type = get(x.Answer.Header, "Content-Type")
	}
	readScripts(&x, from.scripts)
	return x
}

func (p *postmanReader) body(x *Exchange, b *postmanBody) {
	if b == nil || b.Disabled {
		return
	}
	switch b.Mode {
	case "raw", "":
		text, ok := p.room.take(b.Raw)
		if !ok || len(text) > maxSentBody {
			text, x.Body.Missing = "", "it is long"
		}
		x.Body.Text, x.Body.Type = text, map[string]string{"json": "application/json", "xml": "application/xml"}[b.Options.Raw.Language]
	case "urlencoded":
		x.Body.Type, x.Body.Fields = "application/x-www-form-urlencoded", postmanPairs(b.Form).fields()
	case "formdata":
		x.Body.Type, x.Body.Fields = "multipart/form-data", postmanPairs(b.Parts).fields()
		for _, f := range b.Parts {
			if f.Type == "file" {
				x.Body.Missing = "it holds files"
			}
		}
	case "graphql":
		p.graphQL(x, b)
	default:
		x.Body.Missing = "it is a file"
	}
	if t := get(x.Header, "Content-Type"); t != "" {
		x.Body.Type = t
	}
}

func (p *postmanReader) graphQL(x *Exchange, b *postmanBody) {
	if b.GraphQL == nil {
		return
	}
	variables := b.GraphQL.Variables
	if text, ok := variables.(string); ok {
		variables = nil
		if strings.TrimSpace(text) != "" {
			variables = json.RawMessage(quoteVariables(text))
		}
	}
	text, err := json.Marshal(map[string]any{"query": b.GraphQL.Query, "variables": variables})
	if err != nil {
		x.Body.Missing = "its GraphQL variables are not JSON"
		return
	}
	x.Body.Type = "application/json"
	x.Body.Text, _ = p.room.take(string(text))
}
