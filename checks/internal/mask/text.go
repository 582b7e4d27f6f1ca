package mask

import (
	"net/url"
	"regexp"
	"strings"
)

// spoken are the words of error pages, such as those of proxies; any other word of a
// text may be a name.
var spoken = set(`a access again an and application are at available back bad be been blocked busy by cannot captcha challenge check
	client closed cloudflare cloudfront code conflict connect connection contact content could csrf denied down due empty entity
	envoy error errors exceeded exception expired failed failure fatal for forbidden found gateway gone has haproxy have health
	host html http https in incident internal invalid is it its large later limit limited load login maintenance malformed many
	message method missing moved moment nginx no not null object of offline ok on or origin our out overloaded page permission
	please pointer precondition problem proxy rate rejected reached refused request requested required reset resource response
	retry route security server service session site something soon sorry status stream support system technical temporarily
	temporary the this timed timeout to token too try unable unauthorized unavailable unexpected unknown unprocessable
	unsupported upstream url varnish verify was we web went while with wrong you your`)

var (
	hidden = regexp.MustCompile(`(?is)<(script|style|head)\b.*?</(script|style|head)>`)
	titled = regexp.MustCompile(`(?is)<title\b[^>]*>(.*?)</title>`)
	tagged = regexp.MustCompile(`(?s)<[^>]*>`)
	tokens = regexp.MustCompile(`[A-Za-z]+|[0-9]+`)
)

// mostRead is how much of a text is looked at.
const mostRead = 32 << 10

// Text shows the words of a text that error pages are made of, and "…" where others
// stand, in at most limit bytes. Of HTML it is the title and what a reader sees.
func Text(body []byte, html bool, limit int) (text string, cut bool) {
	s := string(body[:min(len(body), mostRead)])
	if html {
		title := ""
		if m := titled.FindStringSubmatch(s); m != nil {
			title = m[1] + ". "
		}
		s = title + tagged.ReplaceAllString(hidden.ReplaceAllString(s, " "), " ")
	}
	w := &writer{limit: limit}
	gap := false
	for _, token := range tokens.FindAllString(s, -1) {
		if !shown(token) {
			gap = true
			continue
		}
		if gap && w.b.Len() > 0 {
			w.write(" …")
		}
		if gap = false; w.b.Len() > 0 {
			w.write(" ")
		}
		w.write(token)
	}
	if w.b.Len() == 0 {
		return "", w.cut
	}
	return w.b.String(), w.cut || len(body) > mostRead
}

// shown reports whether a word is one of an error page, or a number a status.
func shown(token string) bool {
	if token[0] <= '9' {
		return len(token) == 3 && token[0] >= '1' && token[0] <= '5'
	}
	return spoken[strings.ToLower(token)]
}

// Form shows the names of a form or a query, and the values of parameters that are
// words.
func Form(raw string) string {
	var b strings.Builder
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, has := strings.Cut(pair, "=")
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		plain, err := url.QueryUnescape(name)
		if err != nil {
			plain = ""
		}
		b.WriteString(Key(plain))
		if has {
			b.WriteString("=" + parameter(plain, value))
		}
	}
	return b.String()
}

func parameter(name, escaped string) string {
	value, err := url.QueryUnescape(escaped)
	switch {
	case err == nil && value == "":
		return ""
	case err == nil && parameters[strings.ToLower(name)] && isWord(value):
		return value
	}
	return Hidden
}

// URL shows a URL: where it leads, with its query masked, and of its path the parts
// that are words, or like v1.
func URL(u *url.URL) string {
	var b strings.Builder
	if u.Scheme != "" {
		b.WriteString(u.Scheme + "://" + u.Host)
	}
	b.WriteString(Path(u.EscapedPath()))
	if u.RawQuery != "" {
		b.WriteString("?" + Form(u.RawQuery))
	}
	if u.Fragment != "" {
		b.WriteString("#" + Form(u.EscapedFragment()))
	}
	return b.String()
}

var segment = regexp.MustCompile(`^(v[0-9]{1,2}|\.?[a-z][a-z]*([._-][a-z]+)*|[A-Za-z][a-z]+([A-Z][a-z]+)*)$`)

// Path shows a path, in which only parts that are words are as they were.
func Path(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if part != "" && (len(part) > longestWord || !segment.MatchString(part)) {
			parts[i] = Hidden
		}
	}
	return strings.Join(parts, "/")
}
