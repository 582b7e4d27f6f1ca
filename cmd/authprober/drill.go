package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// drillFlags say what drill is to do.
type drillFlags struct {
	length       time.Duration
	end          bool
	url          string
	user         string
	passwordFile string
}

func (a *app) drillCommand() *cobra.Command {
	f := drillFlags{}
	cmd := &cobra.Command{
		Use:   "drill CHECK",
		Short: "Have a check page on purpose, to test the way to the pager",
		Long: `Have a daemon page for a check, or for a group as group:NAME, as if it were failing:
AuthProberDrill goes where the pages of the check go, with DRILL in front and the label
drill="true". The runs of the check go on, are judged and page as ever; no ratio, no
evidence and no counter knows of the drill. It ends by itself, with --end, and with the
daemon.

The daemon is the one that listens at AUTHPROBER_LISTEN, or at --url. It has to have
AUTHPROBER_ADMIN=on, and to listen on a loopback address or to ask for a password or a
client certificate.

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
			s, err := a.settings()
			if err != nil {
				return err
			}
			said, err := f.ask(cmd.Context(), s, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(a.stdout, said)
			return err
		}),
	}
	flags := cmd.Flags()
	flags.DurationVar(&f.length, "for", 2*time.Minute, "how long it is on, 1s to 1h; Prometheus has to scrape in between")
	flags.BoolVar(&f.end, "end", false, "end the drill that is on")
	flags.StringVar(&f.url, "url", "", "the `URL` of the daemon, in place of AUTHPROBER_LISTEN")
	flags.StringVar(&f.user, "user", "", "the `NAME` to log in with, where the daemon asks for a password")
	flags.StringVar(&f.passwordFile, "password-file", "", "the `FILE` that holds the password")
	return cmd
}

// ask tells the daemon, and returns what there is to say.
func (f *drillFlags) ask(ctx context.Context, s settings, check string) (string, error) {
	target, err := f.target(s)
	if err != nil {
		return "", misconfigured(err)
	}
	req, err := f.request(ctx, target, check)
	if err != nil {
		return "", misconfigured(err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, errors.New("no answer within 10s"))
	defer cancel()
	resp, err := adminClient(target).Do(req.WithContext(ctx))
	switch {
	case ctx.Err() != nil:
		return "", &exitError{exitFailed, fmt.Errorf("asking %s: %w", target, context.Cause(ctx))}
	case err != nil:
		return "", &exitError{exitFailed, fmt.Errorf("asking %s: %w", target, withoutURL(err))}
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000)) // what there is of it
	if resp.StatusCode != http.StatusOK {
		why := strings.TrimSpace(string(text))
		if resp.StatusCode == http.StatusUnauthorized {
			why = "it asks for a name and a password; want --user and --password-file"
		}
		return "", &exitError{exitFailed, fmt.Errorf("asking %s: status %d: %s", target, resp.StatusCode, why)}
	}
	if f.end {
		return "no drill of " + check + "\n", nil
	}
	return fmt.Sprintf("drill of %s for %s; authprober drill %s --end ends it\n", check, f.length, check), nil
}

func (f *drillFlags) target(s settings) (*url.URL, error) {
	host, port, _ := net.SplitHostPort(string(s.Listen)) // it was checked
	target := &url.URL{Scheme: s.WebConfig.scheme(), Host: net.JoinHostPort(reachableHost(host), port)}
	if f.url != "" {
		u, err := url.Parse(f.url)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
			return nil, errors.New("--url wants one such as https://prober.bank.example:9870")
		}
		target = u
	}
	return target.JoinPath("/-/drill"), nil
}

func (f *drillFlags) request(ctx context.Context, target *url.URL, check string) (*http.Request, error) {
	at, method := *target, http.MethodPost
	form := url.Values{"check": {check}, "for": {f.length.String()}}
	if f.end {
		method = http.MethodDelete
		form.Del("for")
	}
	at.RawQuery = form.Encode()
	req, err := http.NewRequestWithContext(ctx, method, at.String(), nil)
	if err != nil || f.user == "" {
		return req, err
	}
	if target.Scheme != "https" && !isLoopback(target.Hostname()) {
		return nil, errors.New("--user wants https, or a loopback address: the password would be sent in the clear")
	}
	password, err := os.ReadFile(f.passwordFile)
	if err != nil {
		return nil, fmt.Errorf("--password-file: %w", withoutPath(err))
	}
	req.SetBasicAuth(f.user, strings.TrimRight(string(password), "\r\n"))
	return req, nil
}

// adminClient follows no redirect, and verifies no certificate of this machine's own,
// whose name is not localhost.
func adminClient(target *url.URL) *http.Client {
	transport := &http.Transport{DisableKeepAlives: true}
	if isLoopback(target.Hostname()) {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}
