package remember

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxName is the most bytes that a name may have: of a pool, an account, a value.
const maxName = 1024

// An Account says whose values are meant.
type Account struct {
	Pool string // the pool's name
	Name string // the account's name within it
}

// String names the account, as errors do.
func (a Account) String() string { return fmt.Sprintf("account %q of pool %q", a.Name, a.Pool) }

func (a Account) check() error {
	for _, name := range []string{a.Pool, a.Name} {
		if err := checkName(name); err != nil {
			return fmt.Errorf("%v: %w", a, err)
		}
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("want a name that is not empty")
	case len(name) > maxName:
		return fmt.Errorf("want a name of at most %d bytes", maxName)
	case !utf8.ValidString(name):
		return errors.New("want a name that is valid UTF-8")
	}
	return nil
}

// path is where an account's plain file is below folder.
func (a Account) path(folder string) string {
	return filepath.Join(folder, escape(a.Pool), escape(a.Name)+plainEnd)
}

// maxEscaped keeps file names well below the 255 bytes that file systems allow.
const maxEscaped = 160

// device are names that Windows takes for devices, whatever follows a dot.
var device = regexp.MustCompile(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])$`)

// escape makes a file name of a name: bytes other than a-z, 0-9, - and _ become
// % and two hexadecimal digits. What would be too long ends in ~ and a hash
// instead. Two names never share a file name, even where case does not count.
func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02x", c)
	}
	escaped := b.String()
	switch {
	case device.MatchString(escaped):
		return fmt.Sprintf("%%%02x", escaped[0]) + escaped[1:]
	case len(escaped) > maxEscaped:
		sum := sha256.Sum256([]byte(name))
		return escaped[:maxEscaped-1-2*len(sum)] + "~" + hex.EncodeToString(sum[:])
	}
	return escaped
}
