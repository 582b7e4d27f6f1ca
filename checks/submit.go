package checks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"github.com/authprober/authprober/checks/internal/htmlform"
	"github.com/authprober/authprober/prober"
)

// A SubmitStep fills in a form of the page that the step before answered with and
// submits it, as a browser without scripts would: with the page's hidden and default
// values, to the form's action, by its method.
type SubmitStep struct {
	StepSettings `yaml:",inline"`
	// Submit says which form: `first`, or one of its properties.
	Submit FormChoice `yaml:"submit,required"`
	// Fields are filled in, by name. One that the form does not have fails the step: the page has changed. Of boxes, radio buttons and options the one of that value is chosen; "" unchecks boxes.
	Fields Pairs `yaml:"fields"`
	// Extra are fields that the page's scripts would add or change; they are sent whether the form has them or not.
	Extra Pairs `yaml:"extra"`
	// Button is the button that is pressed, by its name or its properties. The default is the first.
	Button *ButtonChoice `yaml:"button"`
	// Headers are header fields, set in place of the default ones.
	Headers Pairs `yaml:"headers"`
	// FollowRedirects is how many redirects are followed; 0, the default, follows none and makes the redirect the answer.
	FollowRedirects int `yaml:"follow_redirects"`
	// MaxBody is the most that is read of the answer's body; a longer one fails the step. The default is 1MiB.
	MaxBody Size `yaml:"max_body"`
}

// Shown implements [Step].
func (f *SubmitStep) Shown() string { return "submit " + f.Submit.String() }

// Needs implements [Step].
func (f *SubmitStep) Needs(captured map[string]string) (names []string) {
	f.templates(func(t *Template) { names = append(names, t.needs(captured)...) })
	return names
}

// Reasons implements [Step].
func (f *SubmitStep) Reasons() []prober.Reason {
	rs := append(slices.Clone(exchangeReasons), prober.ReasonMissingValue)
	if f.FollowRedirects > 0 {
		rs = append(rs, prober.ReasonRedirect)
	}
	return rs
}

func (f *SubmitStep) succeeds() {}

// asks implements [asker].
func (f *SubmitStep) asks() int { return 1 + f.FollowRedirects }

// Run implements [Step].
func (f *SubmitStep) Run(ctx context.Context, s *Session) error {
	if err := s.wantPrevious(); err != nil {
		return err
	}
	form, err := f.find(s)
	if err != nil {
		return err
	}
	for _, value := range form.Secrets() {
		if !everyday.MatchString(value) {
			s.hide(value)
		}
	}
	sent, err := f.fill(s, form)
	if err != nil {
		return err
	}
	req := s.newRequest(ctx, sent.Method, sendable(sent.URL), sent.Body, sent.ContentType)
	asFrom(req, s.previous.url)
	if err := f.Headers.setHeaders(req, s); err != nil {
		return err
	}
	return s.exchange(req, f.FollowRedirects, int64(f.MaxBody))
}

// everyday matches values of a page that protect nothing, such as 1, true or code.
// Were they secret, many a detail could not be read.
var everyday = regexp.MustCompile(`^(.{0,3}|[a-z_]{4,8})$`)

// wantPrevious is the error of a step that goes on from an answer where there is
// none: every step before was skipped.
func (s *Session) wantPrevious() error {
	if s.previous.status == 0 {
		return errors.New("the step goes on from the answer of the step before, and none has been sent")
	}
	return nil
}

// find is the form in the page of the step before. A failure counts the forms and
// says nothing else of the page.
func (f *SubmitStep) find(s *Session) (*htmlform.Form, error) {
	a, got := &s.previous, ""
	switch a.mediaType() {
	case "text/html", "application/xhtml+xml", "no type":
		page, err := htmlform.Parse(a.url, a.header.Get("Content-Type"), a.body)
		if err != nil {
			return nil, Failf(prober.ReasonBadResponse, "reading the forms of the answer of the step before: %v", err)
		}
		if form := f.Submit.of(page); form != nil {
			return form, nil
		}
		got = " with " + count(len(page.Forms), "form")
	}
	return nil, Failf(prober.ReasonMissingValue, "want %s in the answer of the step before, got %d, %s%s", f.Submit, a.status, a.mediaType(), got)
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// fill fills in the form and makes what is to be sent.
func (f *SubmitStep) fill(s *Session, form *htmlform.Form) (*htmlform.Submission, error) {
	for i := range f.Fields {
		field := &f.Fields[i]
		value, err := field.Value.text(s, nil)
		if err != nil {
			return nil, err
		}
		switch err := form.Set(field.Name, value); {
		case errors.Is(err, htmlform.ErrNoField):
			return nil, Failf(prober.ReasonMissingValue, "want the field %q in %s, got %s of other names", field.Name, f.Submit, count(form.Fields(), "field"))
		case err != nil:
			return nil, Failf(prober.ReasonMissingValue, "filling in the field %q of %s: %v", field.Name, f.Submit, err)
		}
	}
	for i := range f.Extra {
		value, err := f.Extra[i].Value.text(s, nil)
		if err != nil {
			return nil, err
		}
		form.Add(f.Extra[i].Name, value)
	}
	return f.press(s, form)
}

// press presses the button, and sees to it that what is sent stays with https.
func (f *SubmitStep) press(s *Session, form *htmlform.Form) (*htmlform.Submission, error) {
	var button *htmlform.Button
	if b := f.Button; b != nil {
		button = &htmlform.Button{ID: b.ID, Name: b.Name, Value: b.Value}
	}
	sent, err := form.Submit(button)
	switch {
	case errors.Is(err, htmlform.ErrNoButton):
		return nil, Failf(prober.ReasonMissingValue, "submitting %s: %v", f.Submit, err)
	case err != nil:
		return nil, Failf(prober.ReasonBadResponse, "submitting %s: %v", f.Submit, err)
	case sent.URL.Host == "" || sent.URL.Scheme != "http" && sent.URL.Scheme != "https":
		return nil, Failf(prober.ReasonBadResponse, "want %s to go to an http or https URL, got something else", f.Submit)
	case s.previous.url.Scheme == "https" && sent.URL.Scheme == "http":
		return nil, Failf(prober.ReasonBadResponse, "want %s of an https page to stay with https, got http", f.Submit)
	}
	return sent, nil
}

// asFrom sets the header fields that tell a server which page a form was on: some
// refuse a form without them. They are those of a browser by default: the page's
// whole URL for the same origin, and the origin alone for another.
func asFrom(req *http.Request, page *url.URL) {
	origin := page.Scheme + "://" + page.Host
	referer := origin + "/"
	if req.URL.Scheme == page.Scheme && req.URL.Host == page.Host {
		whole := *page
		whole.User, whole.Fragment, whole.RawFragment = nil, "", ""
		referer = whole.String()
	}
	req.Header.Set("Accept", acceptPages)
	req.Header.Set("Referer", referer)
	if req.Method == http.MethodPost {
		req.Header.Set("Origin", origin)
	}
}
