package recording

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// body is what the request sends.
func (d *drafting) body(r *request) []setting {
	if r.Body.Missing != "" {
		d.decide("the body was left out: " + r.Body.Missing)
	}
	if (r.Method == "GET" || r.Method == "HEAD") && !r.Body.empty() {
		d.decide("the recorded request had a body, which a step of this method cannot have")
		return nil
	}
	switch {
	case r.Body.Missing != "" && r.form == nil:
		return nil
	case r.tree != nil:
		return []setting{{"json", d.treeNode(r, "", r.tree)}}
	case r.form != nil:
		return d.formBody(r)
	case isMultipart(r.Body.Type):
		if r.Body.Text != "" {
			d.decide("the body was left out: its parts (multipart) cannot be sent as they were")
		}
		return nil
	case strings.TrimSpace(r.Body.Text) == "":
		return nil
	case !utf8.ValidString(r.Body.Text) || strings.ContainsRune(r.Body.Text, 0):
		d.decide("the body was left out: it is no text")
		return nil
	case mentions(r.Body.Text):
		return []setting{{"body", textNode(template(d.seal("body", r.Body.Text, "this body names a credential")))}}
	}
	return []setting{{"body", textNode(template(d.text(r, "body", r.Body.Text)))}}
}

func (d *drafting) formBody(r *request) []setting {
	if isMultipart(r.Body.Type) {
		d.decide("this was sent in parts (multipart/form-data) and is a plain form here")
	}
	fields := d.fieldsOf(r, r.form)
	if len(fields) == 0 {
		return nil
	}
	if settings, ok := asSettings(fields); ok {
		return []setting{{"form", mapNode(settings)}}
	}
	d.decide("a name comes twice in this form, so that it is text: an expression in it is not escaped")
	return []setting{{"body", textNode(encodeFields(fields))}}
}

// contentType is the Content-Type to set, where it is not the one that the body
// has of itself.
func (d *drafting) contentType(r *request, body []setting) string {
	if len(body) == 0 {
		return ""
	}
	mediaType, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(r.Body.Type)), ";")
	switch body[0].key {
	case "json":
		if mediaType == "application/json" || mediaType == "" || mediaType == "text/plain" && d.rec.Variables {
			return ""
		}
	case "form":
		return ""
	case "body":
		if r.form != nil {
			return "application/x-www-form-urlencoded"
		}
		if mediaType == "text/plain" || mediaType == "" {
			return ""
		}
	}
	value := oneLine(r.Body.Type)
	if hasSecret(value) || d.leaks(value) != "" {
		return mediaType
	}
	return value
}

// plainNumber is a number that YAML and JSON read alike.
var plainNumber = form(`^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,15})?$`)

// treeNode is a JSON value in YAML.
func (d *drafting) treeNode(r *request, key string, t *tree) *yaml.Node {
	switch t.kind {
	case nullTree:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case boolTree:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: t.text}
	case numberTree:
		return d.numberNode(r, key, t.text)
	case listTree:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, m := range t.members {
			n.Content = append(n.Content, d.treeNode(r, key, m.value))
		}
		if len(n.Content) == 0 {
			n.Style = yaml.FlowStyle
		}
		return n
	case objectTree:
		var all []setting
		for _, m := range t.members {
			if name, ok := d.fieldName(r, m.name); ok {
				all = append(all, setting{name, d.treeNode(r, t.keyOf(key, m), m.value)})
			}
		}
		return mapNode(all)
	}
	all := d.text(r, key, t.text)
	if len(all) == 1 && all[0].number {
		all[0].text = "string(" + all[0].text + ")" // an expression alone would keep its type
	}
	return textNode(template(all))
}

func (d *drafting) numberNode(r *request, key, text string) *yaml.Node {
	all := d.text(r, key, text)
	switch {
	case len(all) == 1 && all[0].expr && all[0].number:
		return textNode(template(all))
	case len(all) == 1 && all[0].expr:
		return textNode("${{ int(" + all[0].text + ") }}")
	case plainNumber().MatchString(text):
		tag := "!!int"
		if strings.Contains(text, ".") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
	}
	d.decide(fmt.Sprintf("a number of %d characters is sent as text", len(text)))
	return textNode(template(all))
}
