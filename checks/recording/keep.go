package recording

import (
	"mime"
	"net/url"
	"path"
	"slices"
	"strings"
)

// What is no part of a login, by what a browser asked it for, by its media type
// and by the ending of its path.
var (
	assetKinds   = []string{"image", "stylesheet", "script", "font", "media", "manifest", "ping", "preflight", "csp-violation-report", "cspviolationreport", "texttrack", "beacon", "imageset"}
	assetTypes   = []string{"image/", "font/", "audio/", "video/", "text/css", "text/javascript", "application/javascript", "application/x-javascript", "application/font", "application/wasm", "text/event-stream", "application/manifest+json", "text/vtt"}
	assetEndings = []string{".js", ".mjs", ".css", ".map", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".ico", ".woff", ".woff2", ".ttf", ".otf", ".eot", ".mp4", ".mp3", ".webm", ".wasm", ".webmanifest"}
	// analyticsHosts are names within a host, and analyticsPaths segments of a
	// path, that mean telemetry.
	analyticsHosts = []string{"google-analytics", "googletagmanager", "doubleclick", "analytics", "telemetry", "segment", "sentry", "newrelic", "nr-data", "datadoghq", "browser-intake-datadoghq", "hotjar", "mixpanel", "amplitude", "appsflyer", "adjust", "crashlytics", "bugsnag", "fullstory", "clarity", "optimizely", "launchdarkly", "firebaselogging", "app-measurement", "safebrowsing"}
	analyticsPaths = []string{"analytics", "telemetry", "beacon", "collect", "metrics", "rum", "tracking", "csp-report"}
)

// isAsset tells by kind and media type what a page is made of.
func isAsset(kind, mediaType string) bool {
	mediaType = strings.ToLower(mediaType)
	return slices.Contains(assetKinds, strings.ToLower(kind)) ||
		slices.ContainsFunc(assetTypes, func(t string) bool { return strings.HasPrefix(mediaType, t) })
}

func isMultipart(mediaType string) bool {
	return strings.HasPrefix(strings.ToLower(mediaType), "multipart/")
}

func isHTML(mediaType string) bool {
	t, _, _ := mime.ParseMediaType(mediaType)
	return t == "text/html" || t == "application/xhtml+xml"
}

// The methods that a request step has.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}

// whyDropped says why an exchange is no part of a flow, "" where it may be one.
func whyDropped(x *Exchange, to place) string {
	ending := strings.ToLower(path.Ext(to.path))
	get := x.Method == "GET" || x.Method == "HEAD"
	switch {
	case x.Method == "OPTIONS":
		return "preflights (OPTIONS)"
	case !slices.Contains(methods, x.Method):
		return "methods that no step has"
	case to.origin == "" || to.scheme() != "" && to.scheme() != "http" && to.scheme() != "https":
		return "addresses that are not http or https"
	case x.Answer.Status == 101 || x.Kind == "websocket":
		return "WebSockets"
	case isTelemetry(x, to):
		return "analytics, telemetry and beacons"
	case isAsset(x.Kind, x.Answer.Type) || get && slices.Contains(assetEndings, ending):
		return "images, styles, scripts, fonts and the like"
	}
	return ""
}

func isTelemetry(x *Exchange, to place) bool {
	host := strings.FieldsFunc(strings.ToLower(to.hostname()), func(r rune) bool { return r == '.' })
	last := strings.ToLower(to.path[strings.LastIndex(to.path, "/")+1:])
	return x.Kind == "ping" || x.Kind == "beacon" ||
		slices.ContainsFunc(host, func(label string) bool { return slices.Contains(analyticsHosts, label) }) ||
		slices.Contains(analyticsPaths, last) && x.Answer.Status/100 != 4 && isEmptyAnswer(x)
}

func isEmptyAnswer(x *Exchange) bool { return strings.TrimSpace(x.Answer.Text) == "" }

// A place is a URL cut into its parts: those of a collection may hold variables,
// which no URL parser understands.
type place struct {
	origin   string // with the scheme, without a slash at its end; may be {{name}}
	path     string // with its slash; escaped as it was
	query    []Field
	userinfo bool
}

func (p place) scheme() string {
	scheme, _, ok := strings.Cut(p.origin, "://")
	if !ok {
		return ""
	}
	return strings.ToLower(scheme)
}

func (p place) host() string {
	_, host, ok := strings.Cut(p.origin, "://")
	if !ok {
		return p.origin
	}
	return host
}

// hostname is the host without its port.
func (p place) hostname() string {
	u, err := url.Parse(p.origin)
	if err != nil || u.Hostname() == "" {
		return p.host()
	}
	return u.Hostname()
}

// cut cuts a URL into its parts. The origin is empty where there is none.
func cut(address string, variables bool) (p place) {
	address, _, _ = strings.Cut(strings.TrimSpace(address), "#")
	before, query, _ := strings.Cut(address, "?")
	p.query = parseQuery(query)
	start := 0
	switch i := strings.Index(before, "://"); {
	case i > 0:
		start = i + len("://")
	case variables && strings.HasPrefix(before, "{{") && variableForm().MatchString(before):
	case variables && before != "" && before[0] != '/':
		before = "http://" + before // as the recorder takes it
		start = len("http://")
	default:
		return place{}
	}
	end := strings.IndexByte(before[start:], '/')
	if end < 0 {
		p.origin, p.path = before, "/"
	} else {
		p.origin, p.path = before[:start+end], before[start+end:]
	}
	if at := strings.LastIndexByte(p.origin, '@'); at > start && !strings.Contains(p.origin[:at], "}}") {
		p.origin, p.userinfo = p.origin[:start]+p.origin[at+1:], true
	}
	if !variables || !variableForm().MatchString(p.origin) {
		if u, err := url.Parse(p.origin); err != nil || u.Host == "" || u.Hostname() == "" {
			return place{}
		}
		p.origin = strings.ToLower(p.origin)
	}
	return p
}

// parseQuery reads a query or a form in its order. What is badly escaped stays
// as it is.
func parseQuery(query string) (fields []Field) {
	for _, pair := range strings.Split(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		fields = append(fields, Field{unescape(name), unescape(value)})
	}
	return fields
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}
