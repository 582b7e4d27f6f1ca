package checks

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/checks/internal/strict"
)

// A SecretRef is a value of an account or a secret of a flow: text, or a
// reference to where a secret is kept, {env: NAME} or {file: PATH}. A relative
// path is taken from the folder of the file that names it; see secretPath.
type SecretRef struct {
	Text string // as written, unless Env or File is set
	Env  string // name of an environment variable, which may not be empty
	File string // path of a file; one line end at its end is dropped

	node *yaml.Node
	bad  bool // noted already
}

// secretLimit is the most a secret file may hold: keys in PEM are the largest.
const secretLimit = 64 << 10

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// DecodeYAML implements strict.Decoder.
func (r *SecretRef) DecodeYAML(d *strict.Document, n *yaml.Node) {
	r.node = n
	if n.Kind != yaml.MappingNode {
		if text, ok := d.Text(n); ok {
			r.Text = text
			if strings.Contains(text, "${{") {
				d.Errorf(n, "expressions are not evaluated here; want text, {env: NAME} or {file: PATH}")
			}
		}
		return
	}
	var ref struct {
		Env  string `yaml:"env"`
		File string `yaml:"file"`
	}
	before := len(d.Mistakes)
	d.Decode(n, &ref)
	r.Env, r.File = ref.Env, ref.File
	defer func() { r.bad = len(d.Mistakes) > before }()
	switch {
	case len(d.Mistakes) > before:
	case (ref.Env == "") == (ref.File == ""):
		d.Errorf(n, "want one of env and file")
	case ref.Env != "" && !envName.MatchString(ref.Env):
		d.Errorf(n, "%q is no name of an environment variable", ref.Env)
	}
}

// read looks the secret up. Its error never holds the secret. The warning is
// for what works and is still not as it should be.
func (r *SecretRef) read(dir string, lookup func(string) (string, bool)) (value secret.Secret, warning string, err error) {
	switch {
	case r.Env != "":
		v, ok := lookup(r.Env)
		if !ok || v == "" {
			return value, "", fmt.Errorf("the environment variable %s is %s", r.Env, map[bool]string{true: "empty", false: "not set"}[ok])
		}
		return secret.New(v), "", nil
	case r.File != "":
		path, err := secretPath(dir, r.File, lookup)
		if err != nil {
			return value, "", fmt.Errorf("reading the secret file %q: %w", r.File, err)
		}
		return readSecretFile(path)
	}
	return secret.New(r.Text), "", nil
}

func readSecretFile(path string) (value secret.Secret, warning string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return value, "", fmt.Errorf("reading the secret file %q: %w", path, plainPathError(err))
	}
	if !info.Mode().IsRegular() || info.Size() > secretLimit {
		return value, "", fmt.Errorf("reading the secret file %q: want a file of at most %d bytes", path, secretLimit)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return value, "", fmt.Errorf("reading the secret file %q: %w", path, plainPathError(err))
	}
	v := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if v == "" {
		return value, "", fmt.Errorf("the secret file %q is empty", path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o004 != 0 {
		warning = fmt.Sprintf("every user of this machine can read the secret file %q (mode %04o)", path, info.Mode().Perm())
	}
	return secret.New(v), warning, nil
}

// plainPathError drops the path from an error that is going to be put after it.
func plainPathError(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
