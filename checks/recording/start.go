package recording

import (
	"bytes"
	"errors"
	"io"
	"strings"
)

// byteOrderMark is what some programs on Windows begin a file of UTF-8 with.
const byteOrderMark = "\xef\xbb\xbf"

// Files that are no JSON to the parser, but that their owner knows to be.
var (
	errUTF16 = errors.New("it is UTF-16; save it as UTF-8, as with: iconv -f UTF-16 -t UTF-8 FILE")
	errGzip  = errors.New("it is compressed by gzip; unpack it, as with: gunzip -c FILE")
)

// A startReader passes over a byte order mark, and fails where a file is of
// another encoding.
type startReader struct {
	from  io.Reader
	begun bool
	mark  int64 // the bytes that were passed over
}

// Read implements [io.Reader].
func (s *startReader) Read(p []byte) (int, error) {
	if !s.begun {
		s.begun = true
		if err := s.begin(); err != nil {
			return 0, err
		}
	}
	return s.from.Read(p)
}

func (s *startReader) begin() error {
	head := make([]byte, len(byteOrderMark))
	n, err := io.ReadFull(s.from, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	head = head[:n]
	for _, mark := range []string{"\xff\xfe", "\xfe\xff", "{\x00", "\x00{", "[\x00", "\x00["} {
		if strings.HasPrefix(string(head), mark) {
			return errUTF16
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return errGzip
	case string(head) == byteOrderMark:
		s.mark = int64(n)
	default:
		s.from = io.MultiReader(bytes.NewReader(head), s.from)
	}
	return nil
}
