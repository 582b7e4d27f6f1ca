package functions

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"github.com/authprober/authprober/checks/internal/challenge"
)

func texts() []Func {
	return []Func{{
		Name: "auth_challenge", Usage: "auth_challenge(value, scheme)",
		Doc: "The parameters of the first challenge of a scheme in a WWW-Authenticate field, RFC 9110, by their names in lower case. " +
			"That there is no such challenge is a missing value.",
		Example: `auth_challenge(header["WWW-Authenticate"], "Bearer").acr_values`,
		Types:   []any{new(func(string, string) map[string]string)},
		Call: call("auth_challenge", 2, 2, func(a *arguments) (any, error) {
			value, scheme := a.text(0), a.text(1)
			if a.err != nil {
				return nil, nil
			}
			return AuthChallenge(value, scheme)
		}),
	}, {
		Name: "extract", Usage: "extract(text, pattern)",
		Doc: "What the first group of a regular expression matches in a text, or all that it matches where it has no group; of several matches the first. " +
			"That there is none is a missing value. The syntax is RE2, of at most 1000 characters.",
		Example: `extract(text, 'name="_csrf" value="([^"]+)"')`,
		Types:   []any{new(func(string, string) string)},
		Call: call("extract", 2, 2, func(a *arguments) (any, error) {
			text, pattern := a.text(0), a.text(1)
			if a.err != nil {
				return nil, nil
			}
			return Extract(text, pattern)
		}),
	}, {
		Name: "url_query", Usage: "url_query(url)",
		Doc:     "The parameters in the query of a URL, decoded, by name; of those that occur twice the first.",
		Example: `url_query(header["Location"]).state`,
		Types:   []any{new(func(string) map[string]string)},
		Call: call("url_query", 1, 1, func(a *arguments) (any, error) {
			text := a.text(0)
			if a.err != nil {
				return nil, nil
			}
			return URLQuery(text)
		}),
	}}
}

// AuthChallenge returns the parameters of the first challenge of a scheme in a
// WWW-Authenticate field; a [Missing] error if there is none.
func AuthChallenge(value, scheme string) (map[string]string, error) {
	all, err := challenge.Parse(value)
	if err != nil {
		return nil, err
	}
	c, ok := challenge.Find(all, scheme)
	if !ok {
		return nil, Missing{What: "a challenge of the scheme"}
	}
	return c.Params, nil
}

const maxPattern = 1000

// Extract returns what the first group of a pattern matches in text, or the whole
// of the match where it has no group; a [Missing] error if there is none.
func Extract(text, pattern string) (string, error) {
	if len(pattern) > maxPattern {
		return "", fmt.Errorf("the pattern has %d characters, want at most %d", len(pattern), maxPattern)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return "", errors.New("the pattern is no regular expression of RE2") // err quotes it
	}
	group := min(re.NumSubexp(), 1)
	at := re.FindStringSubmatchIndex(text)
	if at == nil || at[2*group] < 0 {
		return "", Missing{What: "a match of the pattern"}
	}
	return text[at[2*group]:at[2*group+1]], nil
}

// URLQuery returns the parameters of a URL's query, the first of each name.
func URLQuery(text string) (map[string]string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("the text is no URL") // err quotes it
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("the URL's query is malformed")
	}
	first := make(map[string]string, len(query))
	for name, values := range query {
		first[name] = values[0]
	}
	return first, nil
}
