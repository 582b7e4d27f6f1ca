package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/checks/banktest"
)

// bankFlags are what somebody types who wants a bank to try flows against.
type bankFlags struct {
	listen       string
	seed         uint64
	users        int
	backends     int
	faults       []string
	accountsFile string
	inFrontOf    string
	jwt          bool
	passwordOnly bool
	passHost     bool
}

func (a *app) bankCommand() *cobra.Command {
	var f bankFlags
	cmd := &cobra.Command{
		Use:   "bank",
		Short: "Start a staging bank that can be told how to misbehave",
		Long: `Start a bank for tests: password and one-time code or an enrolled device, tokens,
accounts, refresh, logout, behind one address that several backends share. It runs
until it is interrupted. Nothing in it is worth protecting: its admin endpoints,
which change faults and releases, ask for no password.

A fault is words like step=login rate=3% kind=status status=503.
` + wrap("Steps are "+listed(banktest.Steps())+"; kinds are "+listed(banktest.Kinds())+".", "", 80) + `
With --in-front-of the server is one of yours, and what starts is a proxy that passes
requests on, but for those that faults meet. They match by method and path: path=/token
is that path, path=/users/* all that begins so, path=~^/v[12]/token$ a regular
expression.`,
		Example: `  authprober bank --accounts-file accounts.yaml
  authprober bank --fault 'step=login backend=b3 rate=12% kind=status status=503'
  authprober bank --in-front-of https://staging.bank.example \
      --fault 'path=/oauth/token method=POST rate=3% kind=hang'`,
		Args: cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			if f.inFrontOf != "" || f.passHost {
				return f.serveProxy(cmd, a.stdout)
			}
			bank, err := f.bank()
			if err != nil {
				return misconfigured(err)
			}
			if f.accountsFile != "" {
				if err := writePoolFile(f.accountsFile, bank.Users()); err != nil {
					return err
				}
			}
			return bank.ListenAndServe(cmd.Context(), f.listen, func(url string) { f.greet(a.stdout, bank, url) })
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8480", "`HOST:PORT` to listen on; port 0 is any free one")
	flags.Uint64Var(&f.seed, "seed", 1, "decides who the customers are and which requests meet faults")
	flags.IntVar(&f.users, "users", 10, "how many customers there are")
	flags.IntVar(&f.backends, "backends", 5, "how many backends there are: b1, b2, …")
	flags.StringArrayVar(&f.faults, "fault", nil, "a `FAULT` to begin with; may be given more than once")
	flags.StringVar(&f.accountsFile, "accounts-file", "", "write a pool named retail of all customers to `PATH`")
	flags.BoolVar(&f.jwt, "jwt", false, "make the access tokens signed JWTs")
	flags.BoolVar(&f.passwordOnly, "password-only", false, "answer a right password with the tokens, without a code")
	flags.StringVar(&f.inFrontOf, "in-front-of", "", "no bank, but a proxy that passes requests on to `URL`")
	flags.BoolVar(&f.passHost, "pass-host", false, "let the server behind the proxy see the Host that the client asked for")
	return cmd
}

// listed puts names into a sentence.
func listed[T ~string](names []T) string {
	var all []string
	for _, name := range names {
		all = append(all, string(name))
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// bank makes the bank that the flags describe.
func (f *bankFlags) bank() (*banktest.Bank, error) {
	if f.users < 1 {
		return nil, fmt.Errorf("--users is %d, want at least 1", f.users)
	}
	if f.backends < 1 || f.backends > 100 {
		return nil, fmt.Errorf("--backends is %d, want 1 to 100", f.backends)
	}
	if err := f.checkListen(); err != nil {
		return nil, err
	}
	faults, err := f.parseFaults()
	if err != nil {
		return nil, err
	}
	return banktest.New(banktest.Options{
		Seed: f.seed, Users: f.users, Backends: backends(f.backends, "1.0.0"), Faults: faults, JWT: f.jwt, PasswordOnly: f.passwordOnly,
	})
}

func (f *bankFlags) checkListen() error {
	if _, port, err := net.SplitHostPort(f.listen); err != nil {
		return fmt.Errorf("--listen is %q, want host:port, like 127.0.0.1:8480", f.listen)
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("--listen is %q, want a port from 0 to 65535", f.listen)
	}
	return nil
}

func (f *bankFlags) parseFaults() (faults []banktest.Fault, err error) {
	for _, text := range f.faults {
		fault, err := banktest.ParseFault(text)
		if err != nil {
			return nil, fmt.Errorf("--fault %q: %w", text, err)
		}
		faults = append(faults, fault)
	}
	return faults, nil
}

func backends(n int, release string) (all []banktest.Backend) {
	for i := range n {
		all = append(all, banktest.Backend{Name: fmt.Sprintf("b%d", i+1), Release: release})
	}
	return all
}

// greet says where the bank is, and what one can do with it.
func (f *bankFlags) greet(w io.Writer, bank *banktest.Bank, url string) {
	fmt.Fprintf(w, "bank of %d %s and %d %s at %s\n", f.users, plural(f.users, "customer"),
		f.backends, plural(f.backends, "backend"), url)
	for _, fault := range bank.Faults() {
		fmt.Fprintf(w, "  fault %s: %s\n", fault.ID, fault)
	}
	if f.accountsFile != "" {
		fmt.Fprintf(w, "  accounts: the pool retail in %s\n", f.accountsFile)
	}
	fmt.Fprintf(w, `  break it: curl -d 'step=login rate=3%% kind=status' %[1]s/-/faults
  deploy:   curl -d '{"backend": "b1", "release": "1.1.0"}' %[1]s/-/deploy
  repair:   curl -X DELETE %[1]s/-/faults
  look:     curl %[1]s/-/stats
`, url)
}

// writePoolFile writes the users to a file that its owner alone may read. One
// that is there is replaced.
func writePoolFile(path string, users []banktest.User) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing accounts: %w", err)
	}
	defer f.Close()
	if err := f.Chmod(0o600); err != nil { // the file may be older
		return fmt.Errorf("writing accounts: %w", err)
	}
	if _, err := io.WriteString(f, poolText(users)); err != nil {
		return fmt.Errorf("writing accounts: %w", err)
	}
	return f.Close()
}

// poolText is a file of accounts: the users as a pool named retail.
func poolText(users []banktest.User) string {
	var b strings.Builder
	b.WriteString("pools:\n  retail:\n    accounts:\n")
	for i, u := range users {
		fmt.Fprintf(&b, "      - name: retail-%d\n        username: %s\n        password: %s\n        totp_secret: %s\n        hotp_secret: %s\n",
			i+1, quoteYAML(u.Username), quoteYAML(u.Password), quoteYAML(u.TOTPSecret), quoteYAML(u.HOTPSecret))
	}
	return b.String()
}

// quoteYAML writes text in single quotes, where YAML knows no escapes but one.
func quoteYAML(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
