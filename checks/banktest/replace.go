package banktest

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const page = `<!DOCTYPE html>
<html lang="en"><head><title>Maintenance</title></head>
<body><h1>We will be back soon</h1><p>Our online services are being improved.</p></body></html>
`

// replaces says whether the fault answers in place of what was asked, which is
// then not done.
func (f *Fault) replaces() bool {
	switch f.Kind {
	case KindStatus, KindRateLimit, KindHTML, KindEmpty, KindHang, KindHuge, KindCaptcha:
		return true
	}
	return f.Kind == KindReset && f.After == 0
}

// replace answers for a fault that does so.
func replace(w http.ResponseWriter, r *http.Request, f *Fault) {
	switch f.Kind {
	case KindStatus:
		failure(f.Status).write(w)
	case KindRateLimit:
		limited(f.RetryAfter).write(w)
	case KindCaptcha:
		refuseCaptcha.answer().write(w)
	case KindHTML:
		answer{status: 200, body: []byte(page), header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}}.write(w)
	case KindEmpty:
		answer{status: 200, body: []byte{}}.write(w)
	case KindHang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case KindReset:
		reset(w, r)
	case KindHuge:
		flood(w, r, f.Size)
	}
}

// failure is an error answer that says no more than its status.
func failure(status int) answer {
	if status == 204 || status == 304 {
		return answer{status: status}
	}
	name := strings.ToLower(strings.ReplaceAll(http.StatusText(status), " ", "_"))
	if name == "" {
		name = "status_" + strconv.Itoa(status)
	}
	return answerJSON(status, map[string]string{"error": name})
}

// limited asks to be left alone for a time, rounded up to seconds.
func limited(wait time.Duration) answer {
	a := failure(429)
	a.header = http.Header{"Retry-After": {strconv.Itoa(int((wait + time.Second - 1) / time.Second))}}
	return a
}

// flood sends a JSON string that does not end before size.
func flood(w http.ResponseWriter, r *http.Request, size int64) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(200)
	const begin, end = `{"padding":"`, `"}`
	left := max(size-int64(len(begin)+len(end)), 0)
	_, err := w.Write([]byte(begin))
	chunk := bytes.Repeat([]byte("x"), 32<<10)
	for left > 0 && err == nil && r.Context().Err() == nil {
		var n int
		n, err = w.Write(chunk[:min(left, int64(len(chunk)))])
		left -= int64(n)
	}
	if left > 0 {
		panic(http.ErrAbortHandler)
	}
	w.Write([]byte(end)) // an error is a client that has had enough
}
