// Package challenge reads the WWW-Authenticate fields of an answer (RFC 9110
// section 11.6.1): each challenge says by which scheme to authenticate, and with
// which parameters, such as the error and acr_values of RFC 6750 and RFC 9470.
//
// No error of it has any part of a field.
package challenge

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// What fields may have at most, all together. No server accepts or sends more.
const (
	MaxBytes      = 64 << 10
	MaxChallenges = 64
	MaxParams     = 64 // of one challenge
)

// A Challenge is one way to authenticate. It has a token68 or parameters, or
// neither.
type Challenge struct {
	Scheme  string // as it was written; it knows no case
	Token68 string
	// Params are the parameters by their names in lower case, which know no case
	// either; their values as they were meant, without quotes.
	Params map[string]string
}

// Is reports whether the challenge is of a scheme, such as "DPoP".
func (c Challenge) Is(scheme string) bool { return strings.EqualFold(c.Scheme, scheme) }

// Of returns the challenges of an answer's WWW-Authenticate fields.
func Of(header http.Header) ([]Challenge, error) {
	return Parse(header.Values("WWW-Authenticate")...)
}

// Parse returns the challenges of fields, in their order. Several may be in one
// field, and one that is empty has none. It takes what the grammar allows and
// nothing else: a parameter that occurs twice in one challenge is an error, and
// so is a missing comma.
func Parse(fields ...string) ([]Challenge, error) {
	var all []Challenge
	size := 0
	for i, field := range fields {
		if size += len(field); size > MaxBytes {
			return nil, fmt.Errorf("challenges have more than %d bytes", MaxBytes)
		}
		p := parser{text: field}
		for p.next() {
			if len(all) == MaxChallenges {
				return nil, fmt.Errorf("there are more than %d challenges", MaxChallenges)
			}
			c, err := p.challenge()
			if err != nil {
				return nil, fmt.Errorf("field %d, character %d: %w", i+1, p.at+1, err)
			}
			all = append(all, c)
		}
	}
	return all, nil
}

// Find returns the first challenge of a scheme.
func Find(all []Challenge, scheme string) (Challenge, bool) {
	for _, c := range all {
		if c.Is(scheme) {
			return c, true
		}
	}
	return Challenge{}, false
}

var (
	errScheme = errors.New("want a scheme")
	errComma  = errors.New("want a comma or the end")
	errValue  = errors.New("want a value")
	errQuote  = errors.New("the quoted text has no end")
	errText   = errors.New("the quoted text has a character that it must not have")
	errTwice  = errors.New("the parameter is there twice")
	errMany   = fmt.Errorf("the challenge has more than %d parameters", MaxParams)
)

// challenge reads one challenge, up to the scheme of the next one or the end.
func (p *parser) challenge() (Challenge, error) {
	c := Challenge{Scheme: p.token(), Params: map[string]string{}}
	if c.Scheme == "" {
		return c, errScheme
	}
	if p.done() || p.peek() == ',' {
		return c, nil
	}
	if p.peek() != ' ' {
		return c, errScheme
	}
	if p.space(); p.done() {
		return c, nil
	}
	if text, ok := p.token68(); ok {
		c.Token68 = text
		return c, nil
	}
	first := true
	for p.next() {
		name, ok := p.name()
		if !ok { // a scheme: the next challenge, which needs a comma before it
			if first && !p.comma {
				return c, errValue
			}
			return c, nil
		}
		first = false
		if err := p.param(&c, strings.ToLower(name)); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (p *parser) param(c *Challenge, name string) error {
	if _, twice := c.Params[name]; twice {
		return errTwice
	}
	if len(c.Params) == MaxParams {
		return errMany
	}
	value, err := p.value()
	if err != nil {
		return err
	}
	c.Params[name] = value
	if p.space(); !p.done() && p.peek() != ',' {
		return errComma
	}
	return nil
}
