package htmlform

import (
	"slices"
	"strings"
)

func (p *parser) startControl(tag string, a attrs) {
	if tag != "button" { // a button may stand inside a select; what else does ends it
		p.endSelect()
	}
	kind, ok := kindOf(tag, strings.ToLower(a["type"]))
	if !ok || p.datalists > 0 && tag != "textarea" {
		return
	}
	p.parts++
	c := &control{
		kind: kind, id: a["id"], name: a["name"], value: a["value"], form: p.open, formID: a.optional("form"),
		disabled: p.datalists > 0 || a.has("disabled") || slices.ContainsFunc(p.fieldsets, func(f fieldset) bool { return f.disabled && !f.inLegend }),
		checked:  a.has("checked"),
		action:   a.optional("formaction"), method: a.optional("formmethod"), enctype: a.optional("formenctype"),
	}
	p.controls = append(p.controls, c)
	switch kind {
	case area:
		c.value, p.area = "", c
	case choice:
		c.multiple, p.list = a.has("multiple"), c
		c.list = a.has("size") && a["size"] != "" && a["size"] != "1"
	case textual:
		c.value = strings.NewReplacer("\r", "", "\n", "").Replace(c.value)
	case box, radio:
		if !a.has("value") {
			c.value = "on"
		}
	}
}

// kindOf tells what a control is. Resets and plain buttons send nothing.
func kindOf(tag, of string) (k kind, ok bool) {
	switch tag {
	case "textarea":
		return area, true
	case "select":
		return choice, true
	case "button":
		return button, of != "reset" && of != "button"
	}
	switch of {
	case "hidden":
		return hidden, true
	case "checkbox":
		return box, true
	case "radio":
		return radio, true
	case "file":
		return file, true
	case "submit":
		return button, true
	case "image":
		return image, true
	case "reset", "button":
		return 0, false
	}
	return textual, true
}

func (p *parser) startOption(a attrs) {
	p.endOption()
	if p.list == nil {
		return
	}
	p.parts++
	p.option = &option{value: a["value"], selected: a.has("selected"), disabled: a.has("disabled") || p.groupDisabled}
	if !a.has("value") {
		p.optionText = &strings.Builder{}
	}
	p.list.options = append(p.list.options, p.option)
}

func (p *parser) endOption() {
	if p.optionText != nil {
		p.option.value = strings.Join(strings.FieldsFunc(p.optionText.String(), func(r rune) bool {
			return strings.ContainsRune(asciiSpace, r)
		}), " ")
	}
	p.option, p.optionText = nil, nil
}

// endSelect ends the select that is open. Of one that shows one option at a time
// exactly one is chosen: the last that is marked, or else the first that may be.
func (p *parser) endSelect() {
	p.endOption()
	c := p.list
	p.list, p.groupDisabled = nil, false
	if c == nil || c.multiple {
		return
	}
	var chosen, first *option
	for _, o := range c.options {
		if o.selected {
			chosen, o.selected = o, false
		}
		if first == nil && !o.disabled {
			first = o
		}
	}
	if chosen == nil && !c.list {
		chosen = first
	}
	if chosen != nil {
		chosen.selected = true
	}
}
