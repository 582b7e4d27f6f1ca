package htmlform

import (
	"bytes"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
)

const asciiSpace = " \t\n\f\r"

// An encoder writes text in the character set of a page.
type encoder struct {
	name   string
	encode func(string) (string, error) // nil for UTF-8
}

// Parse reads a page that the URL answered with; contentType is what the answer
// says of it. The error is ErrCharset or ErrTooMany: there is no page that is too
// malformed.
func Parse(page *url.URL, contentType string, body []byte) (*Page, error) {
	text, as, err := decode(contentType, body)
	if err != nil {
		return nil, err
	}
	p := &parser{z: html.NewTokenizer(bytes.NewReader(text)), page: &Page{url: page, base: page, text: as}}
	for p.parts <= maxParts && p.z.Next() != html.ErrorToken {
		p.token(p.z.Token())
	}
	if p.parts > maxParts {
		return nil, ErrTooMany
	}
	p.finish()
	return p.page, nil
}

// decode turns a page into UTF-8. The character set is what a byte order mark, the
// Content-Type or the page itself declares; where nothing does it has to be UTF-8.
func decode(contentType string, body []byte) ([]byte, encoder, error) {
	e, name, certain := charset.DetermineEncoding(body, contentType)
	if !certain {
		e, name, _ = charset.DetermineEncoding(beginning(body), "")
	}
	if name == "utf-8" {
		if !utf8.Valid(body) {
			return nil, encoder{}, ErrCharset
		}
		return bytes.TrimPrefix(body, []byte("\ufeff")), encoder{name: "UTF-8"}, nil
	}
	text, err := e.NewDecoder().Bytes(body)
	if err != nil {
		return nil, encoder{}, ErrCharset
	}
	if strings.HasPrefix(name, "utf-16") { // what such a page sends is in UTF-8: Encoding, "Output encodings"
		return text, encoder{name: "UTF-8"}, nil
	}
	return text, encoder{name, func(s string) (string, error) { return e.NewEncoder().String(s) }}, nil
}

// beginning is where a page declares its character set, in ASCII but for one
// letter: where the page declares nothing, that letter makes it UTF-8 and not what a
// browser guesses.
func beginning(body []byte) []byte {
	const letter = "\u00e9 "
	text := make([]byte, 0, 1024)
	for _, c := range body[:min(len(body), 1024-len(letter))] {
		text = append(text, c&0x7f)
	}
	return append(text, letter...)
}

// A parser is what is open while a page is read.
type parser struct {
	z        *html.Tokenizer
	page     *Page
	hasBase  bool
	parts    int
	controls []*control
	open     *Form // the form element pointer

	templates, datalists int // what is inside is not part of the page
	fieldsets            []fieldset
	area                 *control // whose text is next
	list                 *control // the select that is open
	groupDisabled        bool
	option               *option
	optionText           *strings.Builder // nil where a value attribute speaks for it
}

// A fieldset that is disabled disables what is in it, but for its first legend.
type fieldset struct{ disabled, inLegend, hadLegend bool }

func (p *parser) token(t html.Token) {
	switch t.Type {
	case html.TextToken:
		p.text(t.Data)
	case html.StartTagToken, html.SelfClosingTagToken:
		if t.Data == "noscript" {
			p.z.NextIsNotRawText() // no script runs here, so what is in it counts
		}
		p.start(t.Data, attributes(t.Attr))
	case html.EndTagToken:
		p.end(t.Data)
	}
}

func (p *parser) text(text string) {
	switch {
	case p.area != nil:
		p.area.value = strings.TrimPrefix(text, "\n") // HTML, "The in body insertion mode"
	case p.optionText != nil:
		p.optionText.WriteString(text)
	}
}

// attrs are the attributes of a tag; of two of one name the first counts.
type attrs map[string]string

func attributes(list []html.Attribute) attrs {
	a := make(attrs, len(list))
	for _, one := range list {
		if _, twice := a[one.Key]; !twice {
			a[one.Key] = one.Val
		}
	}
	return a
}

func (a attrs) has(name string) bool { _, ok := a[name]; return ok }

func (a attrs) optional(name string) *string {
	if v, ok := a[name]; ok {
		return &v
	}
	return nil
}

func (p *parser) start(tag string, a attrs) {
	if tag == "template" {
		p.templates++
	}
	if p.templates > 0 {
		return
	}
	switch tag {
	case "base":
		p.setBase(a)
	case "form":
		p.startForm(a)
	case "fieldset":
		p.fieldsets = append(p.fieldsets, fieldset{disabled: a.has("disabled")})
	case "legend":
		if n := len(p.fieldsets); n > 0 && !p.fieldsets[n-1].hadLegend {
			p.fieldsets[n-1].hadLegend, p.fieldsets[n-1].inLegend = true, true
		}
	case "datalist":
		p.datalists++
	case "input", "button", "textarea", "select":
		p.startControl(tag, a)
	case "optgroup":
		p.endOption()
		p.groupDisabled = a.has("disabled")
	case "option":
		p.startOption(a)
	}
}

func (p *parser) end(tag string) {
	if tag == "template" {
		p.templates = max(0, p.templates-1)
	}
	if p.templates > 0 {
		return
	}
	switch n := len(p.fieldsets); tag {
	case "form":
		p.open = nil
	case "fieldset":
		p.fieldsets = p.fieldsets[:max(0, n-1)]
	case "legend":
		if n > 0 {
			p.fieldsets[n-1].inLegend = false
		}
	case "datalist":
		p.datalists = max(0, p.datalists-1)
	case "textarea":
		p.area = nil
	case "select":
		p.endSelect()
	case "optgroup":
		p.endOption()
		p.groupDisabled = false
	case "option":
		p.endOption()
	}
}

// setBase takes the first base element with an href. One that is no http or https
// URL is left alone, as browsers do.
func (p *parser) setBase(a attrs) {
	if p.hasBase || !a.has("href") {
		return
	}
	p.hasBase = true
	base, err := p.page.url.Parse(strings.Trim(a["href"], asciiSpace))
	if err == nil && (base.Scheme == "http" || base.Scheme == "https") {
		p.page.base = base
	}
}

func (p *parser) startForm(a attrs) {
	if p.open != nil {
		return // a form inside a form is none
	}
	p.parts++
	p.open = &Form{
		ID: a["id"], Name: a["name"], page: p.page,
		action: a["action"], method: a["method"], enctype: a["enctype"], accept: a["accept-charset"],
	}
	p.page.Forms = append(p.page.Forms, p.open)
}

// finish gives the controls to their forms, in the order of the page.
func (p *parser) finish() {
	p.endSelect()
	byID := make(map[string]*Form, len(p.page.Forms))
	for _, f := range p.page.Forms {
		if _, twice := byID[f.ID]; !twice && f.ID != "" {
			byID[f.ID] = f
		}
	}
	for _, c := range p.controls {
		if c.formID != nil {
			c.form = byID[*c.formID]
		}
		if c.form != nil {
			c.form.controls = append(c.form.controls, c)
		}
	}
	for _, f := range p.page.Forms {
		f.oneRadio()
	}
}

// oneRadio leaves of each group of radio buttons the last that is checked.
func (f *Form) oneRadio() {
	last := map[string]*control{}
	for _, c := range f.controls {
		if c.kind == radio && c.checked {
			if before := last[c.name]; before != nil {
				before.checked = false
			}
			last[c.name] = c
		}
	}
}
