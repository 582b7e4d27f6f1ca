package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// compressed answers in gzip who asks for it (RFC 9110 section 8.4.1.3). The answers
// hold no secret that somebody could measure by their length.
func compressed(h http.Handler) http.Handler { return compressedBy(gzipped, h) }

func compressedBy(compress func(io.Writer) io.WriteCloser, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !takesGzip(r.Header.Get("Accept-Encoding")) || r.Header.Get("Range") != "" {
			h.ServeHTTP(w, r)
			return
		}
		z := &gzipWriter{ResponseWriter: w, compress: compress}
		defer z.close()
		h.ServeHTTP(z, r)
	})
}

// takesGzip reports whether a list of encodings has gzip, other than with a weight of 0.
func takesGzip(accept string) bool {
	for one := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(one, " ", ""), ";")
		if strings.EqualFold(name, "gzip") {
			return !strings.HasPrefix(weight, "q=0") || strings.Trim(weight, "q=0.") != ""
		}
	}
	return false
}

func gzipped(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }

// A gzipWriter compresses an answer that has a body.
type gzipWriter struct {
	http.ResponseWriter
	compress func(io.Writer) io.WriteCloser
	to       io.WriteCloser // nil until something is written
}

func (z *gzipWriter) WriteHeader(status int) {
	if status != http.StatusNotModified && status != http.StatusNoContent {
		z.Header().Del("Content-Length")
		z.Header().Set("Content-Encoding", "gzip")
		z.to = z.compress(z.ResponseWriter)
	}
	z.ResponseWriter.WriteHeader(status)
}

func (z *gzipWriter) Write(b []byte) (int, error) {
	if z.to == nil {
		z.WriteHeader(http.StatusOK)
	}
	return z.to.Write(b)
}

func (z *gzipWriter) close() {
	if z.to != nil {
		z.to.Close() // nobody is left to tell if it fails
	}
}
