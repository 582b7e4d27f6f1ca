package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) drillCommand() *cobra.Command {
	var at clientFlags
	var length time.Duration
	var end bool
	cmd := &cobra.Command{
		Use:   "drill CHECK",
		Short: "Have a check page on purpose, to test the way to the pager",
		Long: `Have a daemon page for a check, or for a group as group:NAME, as if it were failing:
AuthProberDrill goes where the pages of the check go, with DRILL in front and the label
drill="true". The runs of the check go on, are judged and page as ever; no ratio, no
evidence and no counter knows of the drill. It ends by itself, with --end, and with the
daemon, which has to have AUTHPROBER_ADMIN=on, and to listen on a loopback address or to
ask for a password or a client certificate.

` + clientHelp + `

Ends with 0, with 1 where the daemon refuses or is not there, with 2 where the command
line or the environment is wrong.`,
		Example: "  authprober drill retail-login --for 2m\n  authprober drill retail-login --end\n" +
			"  authprober drill retail-login --url https://prober.bank.example:9870 --user sre --password-file /run/secrets/sre",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &exitError{exitConfig, errors.New("want one CHECK, the name of a check or group:NAME\nRun '" + cmd.CommandPath() + " --help' for usage.")}
			}
			return nil
		},
		RunE: action(func(cmd *cobra.Command, args []string) error {
			c, err := a.client(at)
			if err != nil {
				return err
			}
			check, said := args[0], fmt.Sprintf("drill of %s for %s; authprober drill %[1]s --end ends it\n", args[0], length)
			method, query := http.MethodPost, url.Values{"check": {check}, "for": {length.String()}}
			if end {
				method, said = http.MethodDelete, "no drill of "+check+"\n"
			}
			if err := c.change(cmd.Context(), method, "-/drill", query); err != nil {
				return &exitError{exitFailed, err}
			}
			_, err = fmt.Fprint(a.stdout, said)
			return err
		}),
	}
	cmd.Flags().DurationVar(&length, "for", 2*time.Minute, "how long it is on, 1s to 1h; Prometheus has to scrape in between")
	cmd.Flags().BoolVar(&end, "end", false, "end the drill that is on")
	at.add(cmd)
	return cmd
}

// change asks an admin endpoint for something. The error is what it says against it.
func (c *daemonClient) change(ctx context.Context, method, path string, query url.Values) error {
	to := c.base.JoinPath(path)
	asked := to.String()
	to.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, to.String(), nil)
	if err != nil {
		return err
	}
	if c.user != "" {
		req.SetBasicAuth(c.user, c.password)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("asking %s: %w", asked, withoutURL(err))
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000)) // what there is of it
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized:
		return fmt.Errorf("asking %s: %w", asked, refusalOf(resp, text))
	}
	return fmt.Errorf("asking %s: status %d: %s", asked, resp.StatusCode, strings.TrimSpace(oneLine(string(text))))
}
