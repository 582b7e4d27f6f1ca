package httpsig

import (
	"net/http"
	"strings"
	"testing"
)

// The examples of RFC 9421 sections 2.1 and 2.2.
func TestValuesRFC9421(t *testing.T) {
	fields := received(t, "GET /path?param=value HTTP/1.1\nHost: www.example.com\nDate: Tue, 20 Apr 2021 02:07:56 GMT\n"+
		"X-OWS-Header:   Leading and trailing whitespace.   \nX-Obs-Fold-Header: Obsolete\n    line folding.\n"+
		"Cache-Control: max-age=60\nCache-Control:    must-revalidate\nExample-Dict:  a=1,    b=2;x=1;y=2,   c=(a   b   c), d\n"+
		"Example-Header: value, with, lots\nExample-Header: of, commas\nX-Empty-Header: \n"+
		"Priority:   u=1,    i\n\n")
	get := func(uri string) *http.Request { return received(t, "GET "+uri+" HTTP/1.1\nHost: www.example.com\n\n") }
	params := get("/path?param=value&foo=bar&baz=batman&qux=")
	encoded := get("/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something")
	for _, tc := range []struct {
		req       *http.Request
		component string
		want      string
	}{
		{fields, "host", `"host": www.example.com`},
		{fields, "Date", `"date": Tue, 20 Apr 2021 02:07:56 GMT`},
		{fields, "x-ows-header", `"x-ows-header": Leading and trailing whitespace.`},
		{fields, "x-obs-fold-header", `"x-obs-fold-header": Obsolete line folding.`},
		{fields, "cache-control", `"cache-control": max-age=60, must-revalidate`},
		{fields, "x-empty-header", `"x-empty-header": `},
		{fields, "example-dict", `"example-dict": a=1,    b=2;x=1;y=2,   c=(a   b   c), d`},
		{fields, `example-dict;key="a"`, `"example-dict";key="a": 1`},
		{fields, "example-dict;key=b", `"example-dict";key="b": 2;x=1;y=2`},
		{fields, `"example-dict";key="c"`, `"example-dict";key="c": (a b c)`},
		{fields, "example-dict;key=d", `"example-dict";key="d": ?1`},
		{fields, "example-header", `"example-header": value, with, lots, of, commas`},
		{fields, "example-header;bs", `"example-header";bs: :dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:`},
		{fields, "priority;sf", `"priority";sf: u=1, i`},
		{fields, "@method", `"@method": GET`},
		{fields, "@authority", `"@authority": www.example.com`},
		{fields, "@scheme", `"@scheme": http`},
		{fields, "@request-target", `"@request-target": /path?param=value`},
		{fields, "@path", `"@path": /path`},
		{fields, "@query", `"@query": ?param=value`},
		{get("/path?param=value&foo=bar&baz=bat%2Dman"), "@query", `"@query": ?param=value&foo=bar&baz=bat%2Dman`},
		{get("/path?queryString"), "@query", `"@query": ?queryString`},
		{get("/path"), "@query", `"@query": ?`},
		{get("https://www.example.com/path?param=value"), "@request-target", `"@request-target": https://www.example.com/path?param=value`},
		{get("https://www.example.com"), "@path", `"@path": /`},
		{received(t, "OPTIONS * HTTP/1.1\nHost: www.example.com\n\n"), "@request-target", `"@request-target": *`},
		{received(t, "CONNECT www.example.com:80 HTTP/1.1\nHost: www.example.com\n\n"), "@request-target", `"@request-target": www.example.com:80`},
		{params, "@query-param;name=baz", `"@query-param";name="baz": batman`},
		{params, "@query-param;name=qux", `"@query-param";name="qux": `},
		{params, "@query-param;name=param", `"@query-param";name="param": value`},
		{encoded, "@query-param;name=var", `"@query-param";name="var": this%20is%20a%20big%0Amultiline%20value`},
		{encoded, "@query-param;name=bar", `"@query-param";name="bar": with%20plus%20whitespace`},
		{encoded, "@query-param;name=fa%C3%A7ade%22%3A%20", `"@query-param";name="fa%C3%A7ade%22%3A%20": something`},
	} {
		if got, err := line(tc.req, tc.component); err != nil || got != tc.want {
			t.Errorf("%s: got %s, %v, want %s", tc.component, got, err, tc.want)
		}
	}
}

// line is a component's line of the base.
func line(req *http.Request, text string) (string, error) {
	c, err := parseComponent(text)
	if err != nil {
		return "", err
	}
	base, err := (&message{req: req}).base([]component{c}, innerList{})
	first, _, _ := strings.Cut(string(base), "\n")
	return first, err
}

// What a client is about to send, which net/http keeps in another way than what
// a server has got.
func TestClientValues(t *testing.T) {
	req := func(method, uri, host string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), method, uri, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		return r
	}
	spelled := req("GET", "https://a.example", "")
	spelled.Header["x-two"], spelled.Header["X-Two"] = []string{"low"}, []string{"high"}
	for _, tc := range []struct {
		req       *http.Request
		component string
		want      string
	}{
		{req("", "https://a.example", ""), "@method", `"@method": GET`},
		{req("get", "https://a.example", ""), "@method", `"@method": get`},
		{req("GET", "https://a.example", ""), "@path", `"@path": /`},
		{req("GET", "https://a.example", ""), "@target-uri", `"@target-uri": https://a.example/`},
		{req("GET", "HTTPS://A.example:443/x%2fy?a=%20#part", ""), "@target-uri", `"@target-uri": https://a.example/x%2fy?a=%20`},
		{req("GET", "https://a.example/?", ""), "@target-uri", `"@target-uri": https://a.example/?`},
		{req("GET", "https://a.example/x%2fy", ""), "@path", `"@path": /x%2fy`},
		{req("GET", "https://a.example/?q=1", ""), "@request-target", `"@request-target": /?q=1`},
		{req("GET", "https://A.example:8443", ""), "@authority", `"@authority": a.example:8443`},
		{req("GET", "http://a.example:80", ""), "@authority", `"@authority": a.example`},
		{req("GET", "https://a.example:80", ""), "@authority", `"@authority": a.example:80`},
		{req("GET", "https://[::1]:443", ""), "@authority", `"@authority": [::1]`},
		{req("GET", "https://127.0.0.1", "Bank.example"), "@authority", `"@authority": bank.example`},
		{req("GET", "https://127.0.0.1", "Bank.example"), "host", `"host": Bank.example`},
		{req("POST", "https://a.example", ""), "content-length", `"content-length": 0`},
		{spelled, "x-two", `"x-two": high, low`},
	} {
		if got, err := line(tc.req, tc.component); err != nil || got != tc.want {
			t.Errorf("%s of %s: got %s, %v, want %s", tc.component, tc.req.URL, got, err, tc.want)
		}
	}
}

func TestComponentMistakes(t *testing.T) {
	const secret = "hunter2"
	req := received(t, "GET /?pet=dog&pet=cat&odd=%FF HTTP/1.1\nHost: a.example\nX-Text: "+secret+"\nX-Bytes: caf\xe9\n\n")
	folded := received(t, "GET / HTTP/1.1\nHost: a.example\n\n")
	folded.Header["X-Text"] = []string{"a\r\nb"}
	for _, tc := range []struct {
		req             *http.Request
		component, want string
	}{
		{req, "", "want the name of a header field in lower case, or one that begins with @"},
		{req, "x y", "want the name of a header field in lower case, or one that begins with @"},
		{req, `"X-Text"`, "want the name of a header field in lower case, or one that begins with @"},
		{req, `"x-text`, "want a closing quote at character 8"},
		{req, "@status", "a request has @method, @target-uri, @authority, @scheme, @request-target, @path, @query and @query-param"},
		{req, "@signature-params", "a request has @method, @target-uri, @authority, @scheme, @request-target, @path, @query and @query-param"},
		{req, "@method;req", "it takes no parameters"},
		{req, "@query-param", "want one parameter, the name: @query-param;name=pet"},
		{req, "@query-param;name", "want one parameter, the name: @query-param;name=pet"},
		{req, "@query-param;name=a b", "the name must be percent-encoded, all but letters, digits and *-._"},
		{req, "@query-param;name=%2d", "the name must be percent-encoded, all but letters, digits and *-._"},
		{req, "@query-param;name=pet", `component "@query-param";name="pet": the query has it more than once`},
		{req, "@query-param;name=odd", `component "@query-param";name="odd": the query is not UTF-8`},
		{folded, "@query-param;name=fish", `component "@query-param";name="fish": the query does not have it`},
		{req, "x-text;tr", "of a field's parameters only key, sf and bs are known"},
		{req, "x-text;sf", "the type of this field is not known, so it has no strict form (sf)"},
		{req, "x-text;key=a;bs", "key, sf and bs exclude each other"},
		{req, "x-text;key=a;key=b", "want parameters in the form ;key=value, each once"},
		{req, "x-text;key=nope", `component "x-text";key="nope": its value does not have this member`},
		{folded, "x-text;key=a", `component "x-text";key="a": its value has a line end`},
		{req, "x-none", `component "x-none": the request does not have it`},
		{req, "content-length", `component "content-length": the request does not have it`},
		{req, "x-bytes", `component "x-bytes": its value is not printable ASCII`},
	} {
		_, err := line(tc.req, tc.component)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%s: got %v, want %s", tc.component, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error has the value of a header", tc.component)
		}
	}
	if got, err := line(req, "x-bytes;bs"); err != nil || got != `"x-bytes";bs: :Y2Fm6Q==:` {
		t.Errorf("bytes that are wrapped: %s, %v", got, err)
	}
}
