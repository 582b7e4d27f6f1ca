package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"go.uber.org/zap"
)

// A pauseFile is the path of the file that pauses all checks while it exists; "" is
// none. The folder has to be there: a switch that a slip has put elsewhere is found
// when it is needed.
type pauseFile string

func (f *pauseFile) UnmarshalText(text []byte) error {
	path := string(text)
	if !filepath.IsAbs(path) {
		return errors.New("want an absolute path, like /run/authprober/pause")
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("want a file in a folder that is there: %w", withoutPath(err))
	} else if !info.IsDir() {
		return errors.New("want a file in a folder that is there: it is none")
	}
	if _, err := exists(path); err != nil {
		return fmt.Errorf("want a file whose existence can be told: %w", withoutPath(err))
	}
	*f = pauseFile(path)
	return nil
}

// exists reports whether there is something at the path, whatever it is: a link that
// leads nowhere is somebody's wish too.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// paused returns what says whether all checks are paused; nil where no file does. It
// may be called by any goroutine. Where nobody can tell, it is as it was.
func (f pauseFile) paused(log *zap.Logger) func() bool {
	if f == "" {
		return nil
	}
	var mu sync.Mutex
	var is, unknown bool
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		now, err := exists(string(f))
		if err == nil {
			is = now
		} else if !unknown {
			log.Error("the pause file cannot be looked for", zap.Bool("paused", is), zap.Error(withoutPath(err)))
		}
		unknown = err != nil
		return is
	}
}

// A fieldName is the name of a header field; "" is none.
type fieldName string

var fieldToken = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$") // RFC 9110 section 5.6.2

func (n *fieldName) UnmarshalText(text []byte) error {
	if !fieldToken.Match(text) {
		return errors.New("want the name of a header field, like X-Synthetic-Probe-Pause")
	}
	*n = fieldName(text)
	return nil
}
