package web

import (
	"bytes"
	"compress/flate"
	"sync"
)

// A stream in gzip (RFC 1952) is a head and then messages, each of which is packed by itself: what it
// refers back to is in it. So a message is packed once for all pages that are told the same,
// and no page costs memory for what it was told before. The stream has no end, so none is written.
var gzipHead = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

var packers = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // a level that there is
	return w
}}

// packed is a message as whole blocks of deflate (RFC 1951), up to a boundary of bytes.
func packed(message []byte) []byte {
	var b bytes.Buffer
	w := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	w.Reset(&b)
	w.Write(message) // a buffer takes everything
	w.Flush()
	return b.Bytes()
}
