package web

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics serves what is gathered as promhttp does, but compresses beside it and less
// hard: a scrape of thousands of checks is tens of megabytes, and takes as long to
// compress as to write.
func metrics(opts Options) http.Handler {
	h := promhttp.HandlerFor(opts.Gatherer, promhttp.HandlerOpts{
		EnableOpenMetrics:  true,
		DisableCompression: true,
		ErrorLog:           gatherLog{opts.Log},
		ErrorHandling:      promhttp.HTTPErrorOnError,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !takesGzip(r.Header.Get("Accept-Encoding")) {
			h.ServeHTTP(w, r)
			return
		}
		z := &besideWriter{ResponseWriter: w}
		defer z.close()
		h.ServeHTTP(z, r)
	})
}

// A besideWriter compresses an answer in a goroutine of its own, which ends with close.
type besideWriter struct {
	http.ResponseWriter
	to   *bufio.Writer // nil until something is written
	pipe *io.PipeWriter
	done chan struct{} // closed when the goroutine has ended
}

func (z *besideWriter) WriteHeader(status int) {
	z.Header().Del("Content-Length")
	z.Header().Set("Content-Encoding", "gzip")
	z.ResponseWriter.WriteHeader(status)
	from, pipe := io.Pipe()
	z.to, z.pipe, z.done = bufio.NewWriterSize(pipe, 64<<10), pipe, make(chan struct{})
	go func() {
		defer close(z.done)
		from.CloseWithError(compress(z.ResponseWriter, from)) // whoever writes learns that the client has gone
	}()
}

func (z *besideWriter) Write(b []byte) (int, error) {
	if z.to == nil {
		z.WriteHeader(http.StatusOK)
	}
	return z.to.Write(b)
}

func (z *besideWriter) close() {
	if z.to != nil {
		z.to.Flush() // nobody is left to tell if it fails
		z.pipe.Close()
		<-z.done
	}
}

func compress(w io.Writer, from io.Reader) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, from); err != nil {
		return err
	}
	return z.Close()
}
