package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/authprober/authprober/prober"
)

// A recorded run is one line of recorded outcomes.
type recorded struct {
	text    []byte // the time as given; the reader's, until the next line is read
	at      time.Time
	outcome prober.Outcome
	tags    map[string]string // the reader's too; nil if none has a value
}

// longestLine is how many bytes a line may have.
const longestLine = 64 << 10

// A badLine is a line that says nothing, and why.
type badLine struct {
	line int // from 1 on
	err  error
}

func (e *badLine) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.err) }

// An outcomeReader reads lines of time,outcome and time,outcome,tag=value,… as
// the help of backtest has them. It holds no more than a line and the tags that it
// has met, of which it forgets all when there are too many.
type outcomeReader struct {
	r     *bufio.Reader
	line  int
	tags  map[string]string
	known map[string]string // strings that are made once
}

const mostKnown = 4096

func newOutcomeReader(r io.Reader) *outcomeReader {
	return &outcomeReader{r: bufio.NewReaderSize(r, longestLine), tags: map[string]string{}, known: map[string]string{}}
}

// next reads the next line that is neither empty nor the header. The error is
// io.EOF at the end, a [*badLine], after which the next line may be read, or
// that of the reader.
func (o *outcomeReader) next(run *recorded) error {
	for {
		line, err := o.readLine()
		if err != nil {
			return err
		}
		if o.line == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if len(line) == 0 || o.line == 1 && isHeader(line) {
			continue
		}
		if err := o.parse(line, run); err != nil {
			return &badLine{o.line, err}
		}
		return nil
	}
}

// readLine returns a line without its end, LF or CRLF. The last may have none.
func (o *outcomeReader) readLine() ([]byte, error) {
	line, err := o.r.ReadSlice('\n')
	o.line++
	switch {
	case err == nil:
		line = line[:len(line)-1]
	case errors.Is(err, bufio.ErrBufferFull):
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = o.r.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		return nil, &badLine{o.line, fmt.Errorf("it is longer than %d bytes", longestLine)}
	case err == io.EOF && len(line) > 0:
	default:
		return nil, err
	}
	return bytes.TrimSuffix(line, []byte{'\r'}), nil
}

// isHeader reports whether a line names columns, in letters of any size: the time and
// the outcome, and whatever there is after them.
func isHeader(line []byte) bool {
	const header = "time,outcome"
	return len(line) >= len(header) && bytes.EqualFold(line[:len(header)], []byte(header)) &&
		(len(line) == len(header) || line[len(header)] == ',')
}

func (o *outcomeReader) parse(line []byte, run *recorded) error {
	if line[0] == '"' {
		return errors.New("it begins with a quote: fields are not quoted, want time,outcome")
	}
	at, rest, ok := bytes.Cut(line, []byte{','})
	if !ok {
		return fmt.Errorf("it is %s, want time,outcome", quote(line))
	}
	outcome, tags, tagged := bytes.Cut(rest, []byte{','})
	when, err := parseTime(at)
	if err != nil {
		return fmt.Errorf("the time is %s: %w", quote(at), err)
	}
	run.text, run.at, run.tags = at, when, nil
	switch string(outcome) {
	case string(prober.Passed):
		run.outcome = prober.Passed
	case string(prober.Failed):
		run.outcome = prober.Failed
	case string(prober.Errored):
		run.outcome = prober.Errored
	case string(prober.Aborted):
		run.outcome = prober.Aborted
	default:
		return fmt.Errorf("the outcome is %s, want passed, failed, errored or aborted", quote(outcome))
	}
	if tagged {
		return o.parseTags(tags, run)
	}
	return nil
}

// parseTags reads tag=value,… A tag without a value says nothing about its run.
func (o *outcomeReader) parseTags(rest []byte, run *recorded) error {
	clear(o.tags)
	for more := true; more; {
		var tag []byte
		tag, rest, more = bytes.Cut(rest, []byte{','})
		if len(tag) == 0 {
			continue // as where a table has an empty column
		}
		key, value, ok := bytes.Cut(tag, []byte{'='})
		if !ok || len(key) == 0 {
			return fmt.Errorf("%s is no tag, want tag=value", quote(tag))
		}
		name := o.string(key)
		if _, twice := o.tags[name]; twice {
			return fmt.Errorf("the tag %s is there twice", quote(key))
		}
		if len(value) > 0 {
			o.tags[name] = o.string(value)
		}
	}
	if len(o.tags) > 0 {
		run.tags = o.tags
	}
	return nil
}

// string is a conversion that allocates once for each text.
func (o *outcomeReader) string(b []byte) string {
	if s, ok := o.known[string(b)]; ok {
		return s
	}
	if len(o.known) >= mostKnown {
		clear(o.known)
	}
	s := string(b)
	o.known[s] = s
	return s
}

// quote is how a message shows what it got: in quotes, and cut where it is long.
func quote(b []byte) string {
	const most = 40
	if len(b) <= most {
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%q…", strings.ToValidUTF8(string(b[:most]), ""))
}
