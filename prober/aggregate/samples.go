package aggregate

import (
	"bytes"
	"errors"
	"strconv"
	"time"
)

// samples are those of a series as the API writes them: [[1764284400.123,"17"]]. Of a fleet there are
// millions in a reading, so they are read by hand. The zero value is written by null.
type samples []Sample

var errPair = errors.New("want a time and a value")

// UnmarshalJSON reads what encoding/json has found to be JSON.
func (all *samples) UnmarshalJSON(text []byte) error {
	*all = make(samples, 0, bytes.Count(text, []byte{'"'})/2)
	rest, ok := bytes.CutPrefix(text, []byte{'['})
	for rest = space(rest); ok && len(rest) > 0 && rest[0] == '['; {
		inside, after, _ := bytes.Cut(rest[1:], []byte{']'})
		sample, err := pair(inside)
		if err != nil {
			return err
		}
		*all = append(*all, sample)
		rest = space(bytes.TrimPrefix(space(after), []byte{','}))
	}
	if string(rest) != "]" && string(text) != "null" {
		return errPair
	}
	return nil
}

// pair reads a time and a value in quotation marks. A ] within these has its text end
// before they do, and is an error as any other that is no number.
func pair(text []byte) (Sample, error) {
	at, value, _ := bytes.Cut(text, []byte{','})
	seconds, err := strconv.ParseFloat(string(space(at)), 64)
	if err != nil || seconds < 0 || seconds > 1e11 {
		return Sample{}, errPair
	}
	value = space(value)
	if len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"' {
		return Sample{}, errPair
	}
	number, err := strconv.ParseFloat(string(value[1:len(value)-1]), 64)
	return Sample{time.UnixMilli(int64(seconds*1e3 + 0.5)), number}, err
}

// space drops what may stand between the parts of JSON.
func space(text []byte) []byte { return bytes.TrimSpace(text) }
