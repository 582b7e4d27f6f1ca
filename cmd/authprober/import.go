package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/checks/recording"
)

// importFlags are what somebody says about the flow that a recording becomes.
type importFlags struct {
	name, target, accounts, output string
	force                          bool
}

func (a *app) importCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Draft a flow from what a browser, a proxy or Postman has recorded",
		Long: `Draft a flow from a recording: a HAR file, as browsers and proxies save it, or a
Postman collection.

What is no part of a login is left out: images, styles, scripts, analytics,
preflights, pages of which nothing is sent back. A value that an earlier answer
had becomes a capture; what a customer knows, a field of the account; what an app
draws, a helper; any other secret, a reference to an environment variable. No
secret of the recording is written, as far as it can be told from its field, from
where it came, or from its looks: read the draft before you commit it. Comments
that begin with decide are what is yours to decide.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		a.importOne("har", "a HAR 1.2 recording", recording.HAR, `  authprober import har login.har -o flows/retail-login.yaml --accounts retail`),
		a.importOne("postman", "a Postman collection, v2.0 or v2.1", recording.Postman, `  authprober import postman collection.json --name retail-login`))
	return cmd
}

func (a *app) importOne(format, what string, read func(io.Reader) (*recording.Recording, error), example string) *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   format + " FILE",
		Short: "Draft a flow from " + what,
		Long: `Draft a flow from ` + what + `; FILE may be - for standard input.

The flow goes to standard output, the accounts file it needs below it as a
comment; with -o flow.yaml they become flow.yaml and flow-accounts.yaml, where
each value is {env: NAME}. Files that are there are left alone unless --force.

Ends with 0, with 2 where FILE is not what it should be, and with 3 where a file
cannot be read or written.`,
		Example: example,
		Args:    oneFile(format),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			return a.importFile(cmd.InOrStdin(), args[0], read, f)
		}),
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "write the flow to `FILE`, and the accounts to FILE-accounts.yaml beside it")
	flags.BoolVar(&f.force, "force", false, "replace files that are there")
	flags.StringVar(&f.name, "name", "", "the flow's `NAME`; the default is that of FILE")
	flags.StringVar(&f.target, "target", "", "the `HOST` to probe, of those in the recording; the default is the one that most logging in is done at")
	flags.StringVar(&f.accounts, "accounts", "", "the `POOL` that the flow leases accounts from; the default is the flow's name")
	return cmd
}

func oneFile(format string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return misconfigured(errOneFile{len(args), format})
		}
		return nil
	}
}

type errOneFile struct {
	got    int
	format string
}

func (e errOneFile) Error() string {
	return fmt.Sprintf("got %d arguments, want one: the FILE to read\nRun 'authprober import %s --help' for usage.", e.got, e.format)
}

func (a *app) importFile(stdin io.Reader, path string, read func(io.Reader) (*recording.Recording, error), f importFlags) error {
	if err := f.vet(path); err != nil {
		return misconfigured(err)
	}
	from := io.Reader(struct{ io.Reader }{stdin}) // a pipe, as far as one can tell: read once
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("reading the recording: %w", err)
		}
		defer file.Close()
		from = file
	}
	rec, err := read(from)
	if err != nil {
		return misconfigured(fmt.Errorf("%s: %w", path, err))
	}
	draft, err := rec.Draft(recording.Options{Name: f.name, Target: f.target, Pool: f.accounts})
	if err != nil {
		return misconfigured(fmt.Errorf("%s: %w", path, err))
	}
	if f.output == "" {
		return a.printDraft(draft)
	}
	return a.writeDraft(draft, f)
}

var importName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// vet finds what is wrong with the flags, and names the flow.
func (f *importFlags) vet(path string) error {
	if f.name == "" && path != "-" {
		f.name = flowNameOf(filepath.Base(path))
	}
	for _, one := range []struct{ flag, name string }{{"--name", f.name}, {"--accounts", f.accounts}} {
		if one.name != "" && !importName.MatchString(one.name) {
			return fmt.Errorf("%s is %q, want small letters, digits and hyphens, at most 63, beginning with a letter", one.flag, one.name)
		}
	}
	if f.output != "" && filepath.Ext(f.output) != ".yaml" && filepath.Ext(f.output) != ".yml" {
		return fmt.Errorf("--output is %q, want a name that ends in .yaml: no other is read from a folder of flows", f.output)
	}
	return nil
}

// flowNameOf makes the name of a file one that a flow may have; "" where it has
// no letter to begin with.
func flowNameOf(file string) string {
	file, _, _ = strings.Cut(file, ".")
	words := strings.FieldsFunc(strings.ToLower(file), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	name := strings.TrimLeft(strings.Join(words, "-"), "0123456789-")
	return strings.TrimRight(name[:min(len(name), 50)], "-")
}

// printDraft prints the flow, and the accounts as a comment.
func (a *app) printDraft(draft *recording.Draft) error {
	if _, err := a.stdout.Write(draft.Flow); err != nil || draft.Accounts == nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "\n# The accounts, for a file of their own; -o writes it:\n#\n%s", commented(draft.Accounts))
	return err
}

func commented(text []byte) string {
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		b.WriteString(strings.TrimRight("#   "+strings.TrimPrefix(line, "# "), " \n") + "\n")
	}
	return b.String()
}

// writeDraft writes the files, and says what to do with them.
func (a *app) writeDraft(draft *recording.Draft, f importFlags) error {
	ext := filepath.Ext(f.output)
	accounts := strings.TrimSuffix(f.output, ext) + "-accounts" + ext
	paths := []string{f.output}
	if draft.Accounts != nil {
		paths = append(paths, accounts)
	}
	if !f.force { // before either is written
		for _, path := range paths {
			if _, err := os.Lstat(path); err == nil {
				return misconfigured(errThere{path})
			}
		}
	}
	if err := writeNew(f.output, draft.Flow, f.force); err != nil {
		return err
	}
	if draft.Accounts != nil {
		if err := writeNew(accounts, draft.Accounts, f.force); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.stderr, "%s: %d %s, %d captured %s, %d to decide\n", f.output, draft.Steps, plural(draft.Steps, "step"),
		draft.Captures, plural(draft.Captures, "value"), draft.Decisions)
	if len(draft.Env) > 0 {
		fmt.Fprintf(a.stderr, "set %s\n", strings.Join(draft.Env, ", "))
	}
	if len(draft.AllowEnv) > 0 {
		fmt.Fprintf(a.stderr, "and AUTHPROBER_ALLOW_ENV=%s\n", strings.Join(draft.AllowEnv, ","))
	}
	fmt.Fprintf(a.stderr, "then: authprober check %s\n", strings.Join(paths, " "))
	return nil
}

type errThere struct{ path string }

func (e errThere) Error() string {
	return fmt.Sprintf("%s is there already; --force replaces it", e.path)
}

// writeNew writes a file, one that was not there unless replace is set.
func writeNew(path string, text []byte, replace bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if replace {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return misconfigured(errThere{path})
	}
	if err != nil {
		return fmt.Errorf("writing the draft: %w", err)
	}
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return fmt.Errorf("writing the draft: %w", err)
	}
	return f.Close()
}
