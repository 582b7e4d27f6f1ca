package checks

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
)

// A jar keeps the cookies of a run, and can be made again as it was at an earlier
// moment. One goroutine uses it.
type jar struct {
	kept  *cookiejar.Jar // nil before the first cookie
	given []givenCookies
}

// givenCookies are those of one answer.
type givenCookies struct {
	by      *url.URL
	cookies []*http.Cookie
}

// SetCookies implements [http.CookieJar].
func (j *jar) SetCookies(by *url.URL, cookies []*http.Cookie) {
	if j.kept == nil {
		j.kept, _ = cookiejar.New(nil) // it never errs
	}
	j.given = append(j.given, givenCookies{by, cookies})
	j.kept.SetCookies(by, cookies)
}

// Cookies implements [http.CookieJar].
func (j *jar) Cookies(to *url.URL) []*http.Cookie {
	if j.kept == nil {
		return nil
	}
	return j.kept.Cookies(to)
}

// moment is now, for [jar.at].
func (j *jar) moment() int { return len(j.given) }

// at returns a jar of its own, as this one was at the moment.
func (j *jar) at(moment int) *jar {
	was := &jar{}
	for _, g := range j.given[:moment] {
		was.SetCookies(g.by, g.cookies)
	}
	return was
}
