package httpsig

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// A component is an identifier of RFC 9421 section 2: a name, which is that of a
// header field in lower case or begins with @, and parameters.
type component struct {
	name   string
	params params
}

// String is the identifier as it stands in the base and in Signature-Input.
func (c component) String() string { return bare(c.name) + c.params.String() }

// derived are the names of section 2.2 that a request has, but for @query-param.
var derived = map[string]func(m *message) string{
	"@method":         (*message).method,
	"@target-uri":     (*message).targetURI,
	"@authority":      (*message).authority,
	"@scheme":         (*message).scheme,
	"@request-target": (*message).target,
	"@path":           (*message).path,
	"@query":          (*message).query,
}

// parseComponents reads identifiers as an operator writes them. No identifier
// may be there twice.
func parseComponents(texts []string) ([]component, error) {
	seen := map[string]bool{}
	var all []component
	for _, text := range texts {
		c, err := parseComponent(text)
		if err != nil {
			return nil, fmt.Errorf("component %q: %w", text, err)
		}
		if seen[c.String()] {
			return nil, fmt.Errorf("component %q is there twice", text)
		}
		seen[c.String()] = true
		all = append(all, c)
	}
	return all, nil
}

// CheckComponent finds what is wrong with a component in the form of [Options]. It
// returns the header field that it is of, in lower case, or "" for one that begins
// with @ and that every request has.
func CheckComponent(text string) (field string, err error) {
	c, err := parseComponent(text)
	if err != nil || strings.HasPrefix(c.name, "@") {
		return "", err
	}
	return c.name, nil
}

// parseComponent reads content-digest, @query-param;name=pet or
// signature;key=sig1, and also the form that the RFC has, with its quotes:
// "@query-param";name="pet".
func parseComponent(text string) (component, error) {
	if strings.HasPrefix(text, `"`) {
		it, err := parseItem(text)
		if err != nil {
			return component{}, err
		}
		name, _ := it.value.(string)
		return checkComponent(component{name, it.params})
	}
	name, rest, more := strings.Cut(text, ";")
	c := component{name: strings.ToLower(strings.TrimSpace(name))}
	for more {
		var one string
		one, rest, more = strings.Cut(rest, ";")
		key, value, valued := strings.Cut(strings.TrimSpace(one), "=")
		p := param{key, any(true)}
		if valued {
			p.value = strings.Trim(value, `"`)
		}
		if _, twice := c.params.get(key); twice || !isKey(key) {
			return c, errors.New("want parameters in the form ;key=value, each once")
		}
		c.params = append(c.params, p)
	}
	return checkComponent(c)
}

// checkComponent refuses what no request has, so that it is found before one is
// made.
func checkComponent(c component) (component, error) {
	if strings.HasPrefix(c.name, "@") {
		return c, checkDerived(c)
	}
	if !isFieldName(c.name) {
		return c, errors.New("want the name of a header field in lower case, or one that begins with @")
	}
	for _, p := range c.params {
		key, isText := p.value.(string)
		switch {
		case p.key == "key" && isText && isKey(key):
		case p.key == "bs" && p.value == true, p.key == "sf" && p.value == true && isStructured(c.name):
		case p.key == "sf":
			return c, errors.New("the type of this field is not known, so it has no strict form (sf)")
		default:
			return c, errors.New("of a field's parameters only key, sf and bs are known")
		}
	}
	if len(c.params) > 1 {
		return c, errors.New("key, sf and bs exclude each other")
	}
	return c, nil
}

func checkDerived(c component) error {
	if c.name != "@query-param" {
		if derived[c.name] == nil {
			return errors.New("a request has @method, @target-uri, @authority, @scheme, @request-target, @path, @query and @query-param")
		}
		if len(c.params) > 0 {
			return errors.New("it takes no parameters")
		}
		return nil
	}
	name, ok := c.params.get("name")
	text, isText := name.(string)
	if !ok || !isText || len(c.params) != 1 {
		return errors.New("want one parameter, the name: @query-param;name=pet")
	}
	plain, err := decodeForm(text)
	if err != nil || encodeForm(plain) != text {
		return errors.New("the name must be percent-encoded, all but letters, digits and *-._")
	}
	return nil
}

func isFieldName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c >= 'A' && c <= 'Z' || !tokenByte(c) || c == ':' || c == '/' {
			return false
		}
	}
	return name != ""
}

// isStructured tells which fields are known to be dictionaries.
func isStructured(name string) bool {
	switch name {
	case "content-digest", "repr-digest", "want-content-digest", "want-repr-digest", "signature", "signature-input", "priority":
		return true
	}
	return false
}

var errUTF8 = errors.New("the query is not UTF-8")

// decodeForm decodes one name or value of application/x-www-form-urlencoded. A
// percent sign that begins no octet stands for itself, as the URL standard has
// it.
func decodeForm(text string) (string, error) {
	text = strings.ReplaceAll(text, "+", " ")
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if octet, err := url.PathUnescape(text[i : i+3]); err == nil {
				b.WriteString(octet)
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	if !utf8.ValidString(b.String()) {
		return "", errUTF8
	}
	return b.String(), nil
}

// encodeForm is the "percent-encode after encoding" of RFC 9421 section 2.2.8,
// which, unlike a form, has %20 for a space.
func encodeForm(text string) string {
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; isDigit(c) || isLetter(c) || strings.IndexByte("*-._", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
