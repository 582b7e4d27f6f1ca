package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"
)

func (a *app) healthCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Ask the daemon on this machine whether it is healthy, for container health checks",
		Long: `Ask the daemon that listens at AUTHPROBER_LISTEN whether it is healthy, within 3 s.
Ends with 0 if it says so and with 1 if not.

Where AUTHPROBER_WEB_CONFIG_FILE asks for TLS, the certificate is not verified,
provided that the address is a loopback one. A daemon that asks for a password is up,
and so counts as healthy. One that asks for a client certificate cannot be asked.`,
		Example: "  authprober health\n\n  HEALTHCHECK CMD [\"/authprober\", \"health\"]",
		Args:    cobra.NoArgs,
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			s, err := a.settings()
			if err != nil {
				return err
			}
			if err := askHealth(cmd.Context(), s); err != nil {
				return &exitError{exitFailed, err}
			}
			_, err = fmt.Fprintln(a.stdout, "healthy")
			return err
		}),
	}
}

func askHealth(ctx context.Context, s settings) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Second, errors.New("no answer within 3s"))
	defer cancel()
	host, port, _ := net.SplitHostPort(string(s.Listen)) // it was checked
	target := url.URL{Scheme: s.WebConfig.scheme(), Host: net.JoinHostPort(reachableHost(host), port), Path: "/-/healthy"}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	if isLoopback(reachableHost(host)) {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // its name is not localhost
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	resp, err := client.Do(req)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("asking %s: %w", &target, context.Cause(ctx))
	case err != nil:
		return fmt.Errorf("asking %s: %w", &target, withoutURL(err))
	}
	defer resp.Body.Close()
	if ok := resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusUnauthorized && s.WebConfig != ""; !ok {
		return fmt.Errorf("asking %s: status %d, want 200", &target, resp.StatusCode)
	}
	return nil
}

// withoutURL drops what net/http puts before an error.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// reachableHost is where a server that listens on host is met from this machine.
func reachableHost(host string) string {
	if host == "" {
		return "127.0.0.1"
	}
	switch ip := net.ParseIP(host); {
	case ip == nil || !ip.IsUnspecified():
		return host
	case ip.To4() != nil:
		return "127.0.0.1"
	}
	return "::1"
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// scheme is https where the file asks for TLS.
func (w webConfig) scheme() string {
	var config struct {
		TLS map[string]any `yaml:"tls_server_config"`
	}
	text, err := os.ReadFile(string(w))
	if w == "" || err != nil || yaml.Unmarshal(text, &config) != nil || len(config.TLS) == 0 {
		return "http"
	}
	return "https"
}
