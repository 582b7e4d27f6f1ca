package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/remember"
)

func (a *app) accountsCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "accounts",
		Short: "Show which test accounts are left alone, and release them",
		Long: `List the accounts of which the state folder, AUTHPROBER_STATE_DIR, holds anything:

  POOL/ACCOUNT  the account
  STATE         free; in quarantine, until somebody releases it; or resting
  SINCE         since when it is left alone
  WHY           refused: too often in a row · locked: the target says so · captcha: the
                target wants to see a human · cut off: too many attempts ended with
                the process, so that nobody knows · outage: refused as most accounts
                were; it is tried again
  ROW           logins in a row of which none is known to have been accepted
  REFUSALS      logins that were refused without being meant to be, ever
  TODAY         logins since midnight, UTC, then codes, mails and wrong credentials

It may be asked while a daemon runs: an account of which a run is under way shows that
attempt. Secrets are not shown.`,
		Example: "  authprober accounts\n  authprober accounts release retail/retail-a",
		Args:    cobra.NoArgs,
		RunE: action(func(*cobra.Command, []string) error {
			s, err := a.stateSettings(dir)
			if err != nil {
				return err
			}
			return a.listAccounts(s, time.Now())
		}),
	}
	cmd.PersistentFlags().StringVar(&dir, "state-dir", "", "the state `FOLDER`, in place of AUTHPROBER_STATE_DIR")
	cmd.AddCommand(a.releaseCommand(&dir))
	return cmd
}

func (a *app) releaseCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use:   "release POOL/ACCOUNT...",
		Short: "Let accounts be used again that are in quarantine or rest",
		Long: `Let accounts be used again. Mend each at the target first, and log in with it by hand
once: what it is refused from now on counts anew.

The daemon that uses the folder has to be stopped: it would not learn of it.`,
		Example: "  authprober accounts release retail/retail-a retail/retail-b",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misconfigured(errors.New("no account given: want POOL/ACCOUNT, as authprober accounts lists them"))
			}
			return nil
		},
		RunE: action(func(_ *cobra.Command, args []string) (err error) {
			s, err := a.stateSettings(*dir)
			if err != nil {
				return err
			}
			return a.releaseAccounts(s, args)
		}),
	}
}

// stateSettings are the settings, with a state folder.
func (a *app) stateSettings(dir string) (settings, error) {
	s, err := a.settings()
	if err != nil {
		return s, err
	}
	if dir != "" {
		if err := s.StateDir.UnmarshalText([]byte(dir)); err != nil {
			return s, misconfigured(fmt.Errorf("--state-dir: %w", err))
		}
	}
	if s.StateDir == "" {
		return s, misconfigured(errors.New("no state folder: set " + envPrefix + "STATE_DIR or give --state-dir; without one a process forgets its accounts when it ends"))
	}
	return s, nil
}

func (a *app) listAccounts(s settings, now time.Time) error {
	key, warning, err := s.stateKey()
	if err != nil {
		return err
	}
	if warning != "" {
		fmt.Fprintln(a.stderr, "warning:", warning)
	}
	all, err := remember.List(string(s.StateDir), key)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "POOL/ACCOUNT\tSTATE\tSINCE\tWHY\tROW\tREFUSALS\tTODAY")
	var wrong []error
	for _, one := range all {
		r, err := checks.RecordOf(one.Values)
		switch {
		case one.Err != nil:
			wrong = append(wrong, one.Err)
		case err != nil:
			wrong = append(wrong, fmt.Errorf("%v: %w", one.Account, err))
		default:
			writeAccount(table, one.Account, r, now)
		}
	}
	return errors.Join(append([]error{table.Flush()}, wrong...)...)
}

func writeAccount(w io.Writer, account remember.Account, r accounts.Record, now time.Time) {
	state, since := "free", "-"
	switch {
	case r.Quarantined():
		state = "quarantine"
	case r.Resting():
		state = "resting until " + r.Until.UTC().Format(time.RFC3339)
	}
	if !r.Since.IsZero() {
		since = r.Since.UTC().Format(time.RFC3339)
	}
	logins, used := r.On(now)
	fmt.Fprintf(w, "%s/%s\t%s\t%s\t%s\t%d\t%d\t%d %d %d %d\n", account.Pool, printableName(account.Name), state, since,
		cmp.Or(string(r.Why), "-"), r.Attempts, r.Refusals, logins, used.Codes, used.Mails, used.Negative)
}

// printableName keeps a name from a file from steering a terminal.
func printableName(name string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return '?'
		}
		return c
	}, name)
}

func (a *app) releaseAccounts(s settings, names []string) (err error) {
	store, _, err := openState(s)
	if err != nil {
		return fmt.Errorf("%w; stop the daemon that has it open", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	key, _, err := s.stateKey()
	if err != nil {
		return err
	}
	known, err := remember.List(string(s.StateDir), key)
	if err != nil {
		return err
	}
	chosen := make([]remember.Account, len(names))
	for i, name := range names { // all of them first, so that a slip in one releases none
		chosen[i].Pool, chosen[i].Name, _ = strings.Cut(name, "/")
		if !slices.ContainsFunc(known, func(one remember.Stored) bool { return one.Err == nil && one.Account == chosen[i] }) {
			return misconfigured(fmt.Errorf("nothing is known of the account %q; want POOL/ACCOUNT, as authprober accounts lists them", name))
		}
	}
	for i, account := range chosen {
		was, err := checks.ReleaseAccount(store, account)
		switch {
		case err != nil:
			return err
		case was.Why == "" && was.Attempts == 0:
			fmt.Fprintf(a.stdout, "%s was free\n", printableName(names[i]))
		default:
			fmt.Fprintf(a.stdout, "%s is released\n", printableName(names[i]))
		}
	}
	return nil
}

// watchAccounts logs what happens to accounts. Of an account it has the name alone.
func watchAccounts(log *zap.Logger, set *accounts.Set) {
	set.Watch(func(e accounts.Event) {
		fields := []zap.Field{zap.String("pool", e.Pool), zap.String("account", e.Account)}
		if e.Record.Why != "" {
			fields = append(fields, zap.String("why", string(e.Record.Why)), zap.Time("since", e.Record.Since))
		}
		if e.Record.Resting() {
			fields = append(fields, zap.Time("until", e.Record.Until))
		}
		if e.Err != nil {
			fields = append(fields, zap.Error(e.Err))
		}
		if e.Kind == accounts.EventBack {
			log.Info(string(e.Kind), fields...)
			return
		}
		log.Warn(string(e.Kind), fields...)
	})
}

// warnOfAccounts prints what happens to accounts, for commands that print.
func (a *app) warnOfAccounts(set *accounts.Set) {
	set.Watch(func(e accounts.Event) {
		text := fmt.Sprintf("warning: %s: %s/%s", e.Kind, e.Pool, e.Account)
		if e.Record.Why != "" {
			text += ": " + string(e.Record.Why)
		}
		if e.Err != nil {
			text += ": " + e.Err.Error()
		}
		fmt.Fprintln(a.stderr, text)
	})
}
