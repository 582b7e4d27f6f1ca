package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
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

	"github.com/authprober/authprober/prober/web/api"
)

// A daemonClient asks a daemon over its JSON API.
type daemonClient struct {
	base     *url.URL
	user     string
	password string
	http     *http.Client
}

// clientFlags are how commands find a daemon: without any, the one that listens at
// AUTHPROBER_LISTEN, as authprober health does.
type clientFlags struct {
	url, user, passwordFile, caFile string
	timeout                         time.Duration
}

const clientHelp = `Without --url it asks the daemon that listens at AUTHPROBER_LISTEN, with TLS where
AUTHPROBER_WEB_CONFIG_FILE asks for it; the certificate of one on this machine is not
verified. The password that a daemon wants is read from the file of --password-file.`

func (f *clientFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "`URL` of the daemon, such as https://probe.bank.example:9870")
	flags.StringVar(&f.user, "user", "", "`NAME` to show where the daemon asks for a password")
	flags.StringVar(&f.passwordFile, "password-file", "", "`FILE` with the password")
	flags.StringVar(&f.caFile, "ca-file", "", "`FILE` of the certificates in PEM that the daemon's is to be verified by")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Second, "how long an answer may take")
}

// client is the client that the flags and the environment describe.
func (a *app) client(f clientFlags) (*daemonClient, error) {
	c := &daemonClient{user: f.user}
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	if f.url != "" {
		to, err := url.Parse(f.url)
		if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" || to.User != nil || to.RawQuery != "" {
			return nil, misconfigured(errors.New("--url: want a URL such as https://probe.bank.example:9870, without a password"))
		}
		c.base = to
	} else {
		s, err := a.settings()
		if err != nil {
			return nil, err
		}
		host, port, _ := net.SplitHostPort(string(s.Listen)) // it was checked
		host = reachableHost(host)
		c.base = &url.URL{Scheme: s.WebConfig.scheme(), Host: net.JoinHostPort(host, port)}
		transport.TLSClientConfig.InsecureSkipVerify = isLoopback(host) // its name is not localhost
	}
	if f.user != "" && c.base.Scheme != "https" && !isLoopback(c.base.Hostname()) {
		return nil, misconfigured(errors.New("--user wants https, or a loopback address: the password would be sent in the clear"))
	}
	if err := c.readFiles(f, transport.TLSClientConfig); err != nil {
		return nil, misconfigured(err)
	}
	c.http = &http.Client{Transport: transport, Timeout: f.timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return c, nil
}

func (c *daemonClient) readFiles(f clientFlags, t *tls.Config) error {
	if f.passwordFile != "" {
		text, err := os.ReadFile(f.passwordFile)
		if err != nil {
			return fmt.Errorf("--password-file: %w", err)
		}
		c.password = strings.TrimRight(string(text), "\r\n")
	}
	if (f.user == "") != (f.passwordFile == "") {
		return errors.New("want both --user and --password-file, or neither")
	}
	if f.caFile != "" {
		text, err := os.ReadFile(f.caFile)
		if err != nil {
			return fmt.Errorf("--ca-file: %w", err)
		}
		t.RootCAs, t.InsecureSkipVerify = x509.NewCertPool(), false
		if !t.RootCAs.AppendCertsFromPEM(text) {
			return errors.New("--ca-file: want certificates in PEM")
		}
	}
	return nil
}

// mostOfAnAnswer is the longest answer that is read.
const mostOfAnAnswer = 64 << 20

// get asks for a path of the API, such as "runs". It leaves the answer in out.
func (c *daemonClient) get(ctx context.Context, path string, query url.Values, out any) error {
	to := c.base.JoinPath("api/v1", path)
	to.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return err
	}
	if c.user != "" {
		req.SetBasicAuth(c.user, c.password)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("asking %s: %w", c.base, withoutURL(err))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, mostOfAnAnswer))
	if err != nil {
		return fmt.Errorf("asking %s: %w", c.base, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("asking %s: %w", c.base, refusalOf(resp, text))
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("asking %s: it is not the API of authprober that answers", c.base)
	}
	return nil
}

// refusalOf says why an answer is none.
func refusalOf(resp *http.Response, text []byte) error {
	var problem api.Problem
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return errors.New("it wants a name and a password; see --user and --password-file")
	case strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") && json.Unmarshal(text, &problem) == nil:
		problem.Title, problem.Detail = oneLine(problem.Title), oneLine(problem.Detail)
		if resp.StatusCode/100 == 4 {
			return misconfigured(&problem)
		}
		return &problem
	}
	return fmt.Errorf("status %d, want 200; is it authprober?", resp.StatusCode)
}
