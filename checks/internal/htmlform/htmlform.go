// Package htmlform reads the forms of an HTML page and makes of one of them what
// a browser without scripts would send: the HTML standard's form submission
// algorithm. It is pure: a page goes in, a method, a URL
// and a body come out.
//
// The page is read token by token and no tree is built. Which form a control
// belongs to is decided as the standard's parser does it, with a form element
// pointer: so a form that begins between a table and its rows, as on many an old
// login page, has its controls, although no tree would show them inside it. The
// time is linear in the page, whatever is in it.
//
// Left out, for no script has run: custom elements, the direction of texts
// (dirname), and the cleaning of values by type beyond line ends.
package htmlform

import (
	"errors"
	"net/url"
	"strings"
)

// The errors of a page and of a form. None holds a text of the page.
var (
	ErrTooMany  = errors.New("the page has more than 10000 forms and controls")
	ErrCharset  = errors.New("the page is not in UTF-8, and declares no other character set that is known")
	ErrNoField  = errors.New("the form has no such field")
	ErrNoChoice = errors.New("the field does not offer this value")
	ErrNoButton = errors.New("the form has no such button")
	ErrDialog   = errors.New("the form belongs to a dialog, and is not sent")
	ErrPlain    = errors.New("the form is sent as text/plain, which no server can read for sure")
	ErrAction   = errors.New("the form's action is no URL")
)

// maxParts is the most forms, controls and options of a page.
const maxParts = 10000

// A Page is what was read of an HTML page.
type Page struct {
	Forms []*Form // in the order of the page

	url  *url.URL // where the page is
	base *url.URL // what its references are relative to
	text encoder
}

// A Form is a form of a page. It may be filled in and submitted once.
type Form struct {
	ID, Name string

	page                    *Page
	action, method, enctype string
	accept                  string // accept-charset
	controls                []*control
	added                   []entry
}

// A control is a field or a button of a form.
type control struct {
	kind     kind
	id, name string
	value    string
	disabled bool
	checked  bool // a box or a radio button
	multiple bool // a select, or
	list     bool // one that shows several options at once
	options  []*option
	form     *Form
	formID   *string // the form attribute, where there is one

	// What a button has to say about the submission, where it says it.
	action, method, enctype *string
}

type option struct {
	value              string
	selected, disabled bool
}

// A kind of control, as far as the submission tells them apart.
type kind uint8

const (
	textual kind = iota // of one line
	hidden
	area
	box
	radio
	choice // select
	file
	button
	image
)

// A Button says which button is pressed. What is "" may be anything.
type Button struct{ ID, Name, Value string }

// Action is where the form goes to, unless its button says otherwise.
func (f *Form) Action() (*url.URL, error) { return f.page.resolve(f.action) }

// resolve resolves an action. An empty one is the page itself, not its base.
func (p *Page) resolve(action string) (*url.URL, error) {
	action = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(strings.Trim(action, asciiSpace))
	if action == "" {
		to := *p.url
		return &to, nil
	}
	to, err := p.base.Parse(action)
	if err != nil {
		return nil, ErrAction
	}
	return to, nil
}

// Secrets are the values that the page itself put into fields that are typed or
// hidden, such as a token against forged requests.
func (f *Form) Secrets() (values []string) {
	for _, c := range f.controls {
		if c.kind <= area && c.value != "" {
			values = append(values, c.value)
		}
	}
	return values
}

// Fields counts the names that can be filled in.
func (f *Form) Fields() int {
	names := map[string]bool{}
	for _, c := range f.controls {
		if c.fillable(c.name) {
			names[c.name] = true
		}
	}
	return len(names)
}

func (c *control) fillable(name string) bool {
	return c.name == name && c.name != "" && !c.disabled && c.kind < file
}

// Set fills in the fields of this name as a person would: what can be typed is
// typed, of boxes, radio buttons and options the one of this value is chosen, and a
// hidden field is only set where no other has the name. A value of "" unchecks
// boxes. The error is ErrNoField or ErrNoChoice.
func (f *Form) Set(name, value string) error {
	var typed, concealed, choices []*control
	for _, c := range f.controls {
		switch {
		case !c.fillable(name):
		case c.kind == hidden:
			concealed = append(concealed, c)
		case c.kind == box || c.kind == radio || c.kind == choice:
			choices = append(choices, c)
		default:
			typed = append(typed, c)
		}
	}
	if len(choices) > 0 {
		return choose(choices, value)
	}
	if len(typed) == 0 {
		typed = concealed
	}
	for _, c := range typed {
		c.value = value
	}
	if len(typed) == 0 {
		return ErrNoField
	}
	return nil
}

// choose makes value the only choice.
func choose(of []*control, value string) error {
	found, boxes := false, true
	for _, c := range of {
		boxes = boxes && c.kind == box
		c.checked = c.value == value && c.kind != choice && (value != "" || c.kind == radio)
		found = found || c.checked
		for _, o := range c.options {
			o.selected = o.value == value && !o.disabled
			found = found || o.selected
		}
	}
	if !found && !(boxes && value == "") {
		return ErrNoChoice
	}
	return nil
}

// Add sends a field whether the form has it or not, in place of those of its name.
func (f *Form) Add(name, value string) { f.added = append(f.added, entry{name: name, value: value}) }
