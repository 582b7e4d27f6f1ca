package recording

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// errTooLarge is the error of a recording beyond MaxBytes.
var errTooLarge = fmt.Errorf("it is larger than %d MiB; record less, or without bodies of images and scripts", MaxBytes>>20)

// An input is a JSON document that is read piece by piece, so that what is in
// memory is one piece and not the whole.
type input struct {
	from  io.Reader
	start *startReader
	limit *io.LimitedReader
	dec   *json.Decoder
}

func newInput(r io.Reader) *input {
	limit := &io.LimitedReader{R: r, N: MaxBytes + 1}
	start := &startReader{from: limit}
	return &input{from: r, start: start, limit: limit, dec: json.NewDecoder(start)}
}

// object calls f for each member of the object that comes next; f decodes its
// value, or returns false to have it skipped.
func (in *input) object(f func(name string) (bool, error)) error {
	return in.each('{', func() error {
		name, err := in.dec.Token()
		if err != nil {
			return err
		}
		text, _ := name.(string) // the decoder has seen to it
		if done, err := f(text); done || err != nil {
			return err
		}
		return in.skip()
	})
}

// list calls f for each element of the list that comes next; f decodes it.
func (in *input) list(f func() error) error { return in.each('[', f) }

var errShape = errors.New("the wrong shape")

func (in *input) each(open json.Delim, f func() error) error {
	if t, err := in.dec.Token(); err != nil {
		return err
	} else if t != open {
		return errShape
	}
	for in.dec.More() {
		if err := f(); err != nil {
			return err
		}
	}
	_, err := in.dec.Token()
	return err
}

// skip passes over one value without keeping it.
func (in *input) skip() error {
	for depth := 0; ; {
		t, err := in.dec.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// explain says what is wrong and where. It shows nothing of the document.
func (in *input) explain(err error, want string) error {
	if in.limit.N <= 0 {
		return errTooLarge
	}
	at := in.dec.InputOffset()
	message := want
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		if at == 0 {
			return errors.New("it is empty; " + want)
		}
		return fmt.Errorf("%s: the JSON ends too early", in.place(at))
	case errors.As(err, &syntax):
		message = "it is not JSON; " + want
		if at == 0 {
			at = max(syntax.Offset-1, 0)
		}
	case errors.As(err, &kind):
		message = fmt.Sprintf("%s holds a value of the wrong type; %s", fieldOf(kind), want)
	case errors.Is(err, errShape):
		at-- // what was read last
	default:
		return err // of reading
	}
	return fmt.Errorf("%s: %s", in.place(at), message)
}

func fieldOf(err *json.UnmarshalTypeError) string {
	if err.Field == "" {
		return "this"
	}
	return err.Field
}

// place is an offset as line and column where the document can be read again,
// and otherwise in bytes.
func (in *input) place(offset int64) string {
	inFile := fmt.Sprintf("byte %d", in.start.mark+offset)
	seeker, ok := in.from.(io.Seeker)
	if !ok {
		return inFile
	}
	if _, err := seeker.Seek(in.start.mark, io.SeekStart); err != nil {
		return inFile
	}
	line, column := 1, 1
	for r := bufio.NewReader(io.LimitReader(in.from, offset)); ; {
		c, err := r.ReadByte()
		if err != nil {
			return fmt.Sprintf("line %d, column %d", line, column)
		}
		if column++; c == '\n' {
			line, column = line+1, 1
		}
	}
}
