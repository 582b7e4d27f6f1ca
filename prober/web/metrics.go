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
	return compressedBy(gzippedBeside, promhttp.HandlerFor(opts.Gatherer, promhttp.HandlerOpts{
		EnableOpenMetrics:  true,
		DisableCompression: true,
		ErrorLog:           gatherLog{opts.Log},
		ErrorHandling:      promhttp.HTTPErrorOnError,
	}))
}

// gzippedBeside compresses in a goroutine of its own, which Close waits for.
func gzippedBeside(w io.Writer) io.WriteCloser {
	from, to := io.Pipe()
	b := &beside{Writer: bufio.NewWriterSize(to, 64<<10), pipe: to, done: make(chan struct{})}
	go func() {
		defer close(b.done)
		from.CloseWithError(gzipFast(w, from)) // whoever writes learns that the client has gone
	}()
	return b
}

type beside struct {
	*bufio.Writer
	pipe *io.PipeWriter
	done chan struct{} // closed when the goroutine has ended
}

// Close implements [io.Closer].
func (b *beside) Close() error {
	err := b.Flush()
	b.pipe.Close()
	<-b.done
	return err
}

func gzipFast(w io.Writer, from io.Reader) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, from); err != nil {
		return err
	}
	return z.Close()
}
