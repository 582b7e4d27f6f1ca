package checks

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
)

// A jar keeps the cookies of a run, and can be made again as it was at an earlier
// moment. One goroutine uses it.
type jar struct {
	*cookiejar.Jar
	given []givenCookies
}

// givenCookies are those of one answer.
type givenCookies struct {
	by      *url.URL
	cookies []*http.Cookie
}

func newJar() *jar {
	kept, _ := cookiejar.New(nil) // it never errs
	return &jar{Jar: kept}
}

// SetCookies implements [http.CookieJar].
func (j *jar) SetCookies(by *url.URL, cookies []*http.Cookie) {
	j.given = append(j.given, givenCookies{by, cookies})
	j.Jar.SetCookies(by, cookies)
}

// Cookies implements [http.CookieJar].
func (j *jar) Cookies(to *url.URL) []*http.Cookie {
	if len(j.given) == 0 {
		return nil
	}
	return j.Jar.Cookies(to)
}

// moment is now, for [jar.at].
func (j *jar) moment() int { return len(j.given) }

// at returns a jar of its own, as this one was at the moment.
func (j *jar) at(moment int) *jar {
	was := newJar()
	for _, g := range j.given[:moment] {
		was.SetCookies(g.by, g.cookies)
	}
	return was
}
