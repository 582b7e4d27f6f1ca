package main

import (
	"errors"
	"net"
	"os"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/prober/web"
)

// An onOff is a setting that is on or off.
type onOff bool

func (o *onOff) UnmarshalText(text []byte) error {
	switch string(text) {
	case "on":
		*o = true
	case "off":
		*o = false
	default:
		return errors.New("want on or off")
	}
	return nil
}

// checkAdmin refuses admin endpoints that would refuse everybody.
func (s settings) checkAdmin() error {
	host, _, _ := net.SplitHostPort(string(s.Listen)) // it was checked
	if !bool(s.Admin) || isLoopback(host) || s.WebConfig.authenticates() {
		return nil
	}
	return misconfigured(envMistakes{envPrefix + "ADMIN: on wants " + envPrefix + "WEB_CONFIG_FILE to ask for a password or a client certificate, or " +
		envPrefix + "LISTEN to be a loopback address"})
}

// admin says who may change something.
func (o daemonOptions) admin() web.Admin {
	host, _, _ := net.SplitHostPort(o.listener.Addr().String())
	return web.Admin{On: o.adminOn, Loopback: isLoopback(host), Authenticated: o.webConfig.authenticates}
}

// authenticates reports whether the file asks everybody for a password or for a client
// certificate that is verified. It is read anew, as the server reads it anew.
func (w webConfig) authenticates() bool {
	var config struct {
		Users map[string]any `yaml:"basic_auth_users"`
		TLS   struct {
			ClientAuth string `yaml:"client_auth_type"`
		} `yaml:"tls_server_config"`
	}
	if w == "" {
		return false
	}
	text, err := os.ReadFile(string(w))
	if err != nil || yaml.Unmarshal(text, &config) != nil {
		return false
	}
	return len(config.Users) > 0 || config.TLS.ClientAuth == "RequireAndVerifyClientCert"
}
