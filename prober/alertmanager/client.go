package alertmanager

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"

	"github.com/prometheus/common/config"
)

// Client returns the client that a file describes as Prometheus describes one, for
// [Options.Client]: basic_auth, authorization, oauth2, tls_config, proxy_url,
// http_headers. Secrets are in files of their own, which are read anew for every
// request, so that they may be exchanged. An empty name is a client without any of it.
//
// It follows no redirect and keeps no connection. Its errors repeat nothing of the file.
func Client(file, userAgent string) (*http.Client, error) {
	c := &config.HTTPClientConfig{EnableHTTP2: true}
	if file != "" {
		read, err := readConfig(file)
		if err != nil {
			return nil, err
		}
		c = read
	}
	c.FollowRedirects = false
	client, err := config.NewClientFromConfig(*c, "alertmanager", config.WithUserAgent(userAgent), config.WithKeepAlivesDisabled())
	if err != nil {
		return nil, unusable(err)
	}
	return client, nil
}

// unusable says what is wrong with what the configuration names, without the names.
func unusable(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("want certificates and keys that can be read: %w", p.Err)
	}
	return errors.New("want certificates in PEM with the keys that belong to them, and nothing by reference")
}

// readConfig reads the file strictly. What the YAML library says may quote the file,
// so it is not repeated.
func readConfig(file string) (*config.HTTPClientConfig, error) {
	c, _, err := config.LoadHTTPConfigFile(file)
	switch {
	case err != nil:
		return nil, errors.New("want the settings of an HTTP client as Prometheus has them, such as basic_auth, authorization and tls_config")
	case inline(c):
		return nil, errors.New("want secrets in files of their own: password_file, credentials_file, client_secret_file, key_file")
	}
	return c, readable(c)
}

// readable finds out now what would otherwise be found when an alert is due.
func readable(c *config.HTTPClientConfig) error {
	files := map[string]string{}
	if a := c.BasicAuth; a != nil {
		files["username_file"], files["password_file"] = a.UsernameFile, a.PasswordFile
	}
	if a := c.Authorization; a != nil {
		files["credentials_file"] = a.CredentialsFile
	}
	if a := c.OAuth2; a != nil {
		files["client_secret_file"], files["client_certificate_key_file"] = a.ClientSecretFile, a.ClientCertificateKeyFile
	}
	for _, setting := range slices.Sorted(maps.Keys(files)) {
		if files[setting] == "" {
			continue
		}
		if _, err := os.ReadFile(files[setting]); err != nil {
			return fmt.Errorf("want a %s that can be read: %w", setting, withoutPath(err))
		}
	}
	return nil
}

// withoutPath drops the path from an error of the file system.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

// inline reports whether a secret is in the configuration itself.
func inline(c *config.HTTPClientConfig) bool {
	some := c.BearerToken != "" || c.TLSConfig.Key != ""
	if a := c.BasicAuth; a != nil {
		some = some || a.Password != ""
	}
	if a := c.Authorization; a != nil {
		some = some || a.Credentials != ""
	}
	if a := c.OAuth2; a != nil {
		some = some || a.ClientSecret != "" || a.ClientCertificateKey != "" || a.TLSConfig.Key != ""
	}
	if c.HTTPHeaders != nil {
		for _, h := range c.HTTPHeaders.Headers {
			some = some || len(h.Secrets) > 0
		}
	}
	return some
}
