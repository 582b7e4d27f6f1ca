// Package mask shows what an answer looks like without what it says. What is shown is
// what somebody needs who has been woken up: the keys and the types of a JSON body,
// codes of errors, short words of a closed list, statuses. What a customer or a thief
// could be found by is not: names, numbers, tokens, free text.
//
// It is the second line of defence and knows no secret: who uses it redacts what comes
// out of it too. Every rule is an allow-list, so that what nobody has thought of is
// masked.
package mask

import (
	"regexp"
	"strings"
)

// Hidden stands where something is not shown.
const Hidden = "…"

// answerKeys are the keys of JSON under which a word or a small number is shown.
var answerKeys = set("category code error errorcode error_code http_status kind outcome reason result severity state status " +
	"statuscode status_code title token_type type challenge_type method")

// spans are the keys of JSON under which any number is shown: lengths of time.
var spans = set("expires_in expiresin interval retry_after retryafter refresh_expires_in")

// ids are the keys of JSON under which what tells a request apart is shown, for the
// target's own people.
var ids = set("correlation_id correlationid request_id requestid trace_id traceid")

// parameters are those of forms and queries under which a word is shown. A code or a
// state in them is a secret.
var parameters = set("grant_type response_type response_mode code_challenge_method token_type_hint token_type prompt display acr_values error")

func set(words string) map[string]bool {
	all := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		all[word] = true
	}
	return all
}

// word is a name of something: words of letters, in any of the usual spellings, with a
// few digits between them. No token is one, as in those cases and digits mix.
var word = regexp.MustCompile(`^([A-Z]?[a-z]{2,}|[A-Z]{2,})([_.: -]?([A-Z]?[a-z]{2,}|[A-Z]{2,}|[0-9]{1,3}))*$`)

const longestWord = 48

// isWord reports whether a value is the name of something.
func isWord(s string) bool {
	return len(s) <= longestWord && strings.Count(s, " ") <= 4 && digits(s) <= 3 && word.MatchString(s)
}

func digits(s string) (n int) {
	for _, c := range s {
		if c >= '0' && c <= '9' {
			n++
		}
	}
	return n
}

var id = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9:._-]{7,63}$`)

// keyForm is a key that is shown; one of another form may be somebody's number or name.
var keyForm = regexp.MustCompile(`^[A-Za-z_@$][A-Za-z0-9_.:$@-]{0,47}$`)

// Key is how a key is shown.
func Key(key string) string {
	if keyForm.MatchString(key) && digits(key) <= 4 {
		return key
	}
	return "[key]"
}
