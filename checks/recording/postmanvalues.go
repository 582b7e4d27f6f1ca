package recording

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A postmanPair is a name with a value, as a collection has them in many places.
type postmanPair struct {
	Key      string          `json:"key"`
	ID       string          `json:"id"`
	Value    json.RawMessage `json:"value"`
	Type     string          `json:"type"`
	In       string          `json:"in"`
	Disabled bool            `json:"disabled"`
}

func (p *postmanPair) name() string {
	if p.Key == "" {
		return p.ID
	}
	return p.Key
}

// text is the value as text; of what is no scalar it is empty.
func (p *postmanPair) text() string {
	t, err := parseTree(string(p.Value))
	if err != nil || t.kind == objectTree || t.kind == listTree {
		return ""
	}
	return t.text
}

// postmanPairs are a list of pairs, or lines of "name: value", or null.
type postmanPairs []postmanPair

// UnmarshalJSON implements [json.Unmarshaler].
func (ps *postmanPairs) UnmarshalJSON(text []byte) error {
	if len(text) == 0 || text[0] != '"' {
		return json.Unmarshal(text, (*[]postmanPair)(ps))
	}
	var lines string
	if err := json.Unmarshal(text, &lines); err != nil {
		return err
	}
	for _, line := range strings.Split(lines, "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			raw, _ := json.Marshal(strings.TrimSpace(value)) // a string always encodes
			*ps = append(*ps, postmanPair{Key: strings.TrimSpace(name), Value: raw})
		}
	}
	return nil
}

func (ps postmanPairs) fields() (fields []Field) {
	for i := range ps {
		if !ps[i].Disabled && ps[i].name() != "" && ps[i].Type != "file" {
			fields = append(fields, Field{ps[i].name(), ps[i].text()})
		}
	}
	return fields
}

// A postmanURL is text, or an object that has it in parts as well.
type postmanURL struct {
	Raw      string
	Variable []postmanPair
	Query    postmanPairs
	parts    bool
}

// UnmarshalJSON implements [json.Unmarshaler].
func (u *postmanURL) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return json.Unmarshal(text, &u.Raw)
	}
	var in struct {
		Raw      string          `json:"raw"`
		Protocol string          `json:"protocol"`
		Host     json.RawMessage `json:"host"`
		Port     string          `json:"port"`
		Path     json.RawMessage `json:"path"`
		Query    postmanPairs    `json:"query"`
		Variable []postmanPair   `json:"variable"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	u.Raw, u.Variable, u.Query, u.parts = in.Raw, in.Variable, in.Query, in.Query != nil
	if u.Raw == "" && len(in.Host) > 0 {
		if in.Protocol != "" {
			u.Raw = in.Protocol + "://"
		}
		u.Raw += joined(in.Host, ".")
		if in.Port != "" {
			u.Raw += ":" + in.Port
		}
		u.Raw += "/" + strings.TrimPrefix(joined(in.Path, "/"), "/")
	}
	return nil
}

// joined is a text, or a list of texts or of {"value": text}.
func joined(raw json.RawMessage, with string) string {
	t, err := parseTree(string(raw))
	if err != nil {
		return ""
	}
	if t.kind == stringTree {
		return t.text
	}
	var all []string
	for _, m := range t.members {
		text := m.value.text
		for _, inner := range m.value.members {
			if inner.name == "value" {
				text = inner.value.text
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, with)
}

// text is the address: with the variables of its path put in, and without the
// parameters that are switched off.
func (u *postmanURL) text() string {
	address, query, _ := strings.Cut(u.Raw, "?")
	if u.parts {
		var on []string
		for i := range u.Query {
			if q := &u.Query[i]; !q.Disabled && q.Key != "" {
				on = append(on, escapeAround(q.Key)+"="+escapeAround(q.text()))
			}
		}
		query = strings.Join(on, "&")
	}
	segments := strings.Split(address, "/")
	for i, s := range segments {
		name, ok := strings.CutPrefix(s, ":")
		if !ok || name == "" {
			continue
		}
		segments[i] = "{{" + name + "}}"
		for j := range u.Variable {
			if v := u.Variable[j].text(); u.Variable[j].name() == name && v != "" {
				segments[i] = v
			}
		}
	}
	if address = strings.Join(segments, "/"); query != "" {
		address += "?" + query
	}
	return address
}

// escapeAround escapes what would end a parameter, and leaves variables alone.
func escapeAround(s string) string {
	return strings.NewReplacer("%", "%25", "&", "%26", "=", "%3D", "#", "%23", "+", "%2B").Replace(s)
}

// quoteVariables puts variables that stand in JSON outside of strings into
// quotes, for `{"n": {{n}}}` is no JSON.
func quoteVariables(text string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\' && i+1 < len(text):
			b.WriteByte(c)
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && strings.HasPrefix(text[i:], "{{"):
			if end := strings.Index(text[i:], "}}"); end > 0 {
				b.WriteString(strconv.Quote(text[i : i+end+2]))
				i += end + 1
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// A postmanAuth is how requests are authorized: {"type": T, T: settings}, the
// settings an object (v2.0) or a list of pairs (v2.1).
type postmanAuth struct {
	Type     string
	settings map[string]string
}

// UnmarshalJSON implements [json.Unmarshaler].
func (a *postmanAuth) UnmarshalJSON(text []byte) error {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	if err := json.Unmarshal(in["type"], &a.Type); err != nil && in["type"] != nil {
		return err
	}
	a.settings = map[string]string{}
	t, err := parseTree(string(in[a.Type]))
	if err != nil {
		return nil // no settings
	}
	for _, m := range t.members {
		if t.kind == objectTree {
			a.settings[m.name] = m.value.text
			continue
		}
		one := map[string]string{}
		for _, inner := range m.value.members {
			one[inner.name] = inner.value.text
		}
		a.settings[one["key"]] = one["value"]
	}
	return nil
}

// apply authorizes a request as the recorder would.
func (a *postmanAuth) apply(x *Exchange) {
	if a == nil || get(x.Header, "Authorization") != "" {
		return
	}
	s := a.settings
	authorize := func(value string) { x.Header = append(x.Header, Field{"Authorization", value}) }
	switch a.Type {
	case "", "noauth", "inherit":
	case "bearer":
		authorize("Bearer " + orVariable(s["token"], "access_token"))
	case "basic":
		authorize("Basic " + base64.StdEncoding.EncodeToString([]byte(s["username"]+":"+s["password"])))
	case "apikey":
		a.applyKey(x)
	case "oauth2":
		token := orVariable(s["accessToken"], "access_token")
		if s["addTokenTo"] == "queryParams" {
			x.URL = withParameter(x.URL, "access_token", token)
		} else {
			authorize(strings.TrimSpace(orText(s["headerPrefix"], "Bearer") + " " + token))
		}
		x.Notes = append(x.Notes, "decide: the collection gets this token by OAuth 2.0 on its own; add the steps that do")
	default:
		x.Notes = append(x.Notes, fmt.Sprintf("decide: the collection authorizes this request by %s, which was not taken over", plainWord(a.Type)))
	}
}

func (a *postmanAuth) applyKey(x *Exchange) {
	name, value := orText(a.settings["key"], "X-API-Key"), orVariable(a.settings["value"], "api_key")
	if a.settings["in"] == "query" {
		x.URL = withParameter(x.URL, name, value)
		x.keys = append(x.keys, name)
		x.Notes = append(x.Notes, "an API key in a URL is in the logs of everyone it passes")
		return
	}
	x.Header = append(x.Header, Field{name, value})
	x.keys = append(x.keys, name)
}

func withParameter(address, name, value string) string {
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + escapeAround(name) + "=" + escapeAround(value)
}

func orText(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func orVariable(text, name string) string { return orText(text, "{{"+name+"}}") }

// plainWord is a word of the recording that is fit for a comment.
func plainWord(s string) string {
	for i := range len(s) {
		if !isAlnum(s[i]) {
			return "a method of its own"
		}
	}
	return orText(s, "a method of its own")
}
