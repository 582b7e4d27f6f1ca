package webauthn

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// androidOrigin begins the origin of an app on Android: what follows is the hash
// of the certificate it is signed with. Which domains it may act for is said by a
// file on the domain, and not looked up here.
const androidOrigin = "android:apk-key-hash:"

// CheckOrigin returns an [ErrOrigin] for an origin that no browser would run a
// ceremony for, whatever the options are.
func CheckOrigin(origin string) error {
	if _, err := rpID(origin, ""); errors.Is(err, ErrOrigin) {
		return err
	}
	return nil
}

// rpID checks the origin, and the RP ID against it: section 5.1.3 steps 7 and 8.
// Where the options have none it is the origin's host.
func rpID(origin, id string) (string, error) {
	if hash, ok := strings.CutPrefix(origin, androidOrigin); ok {
		switch b, err := decode(hash); {
		case err != nil || len(b) != 32:
			return "", fmt.Errorf("%w: want %s and 32 bytes in base64url", ErrOrigin, androidOrigin)
		case id == "":
			return "", fmt.Errorf("%w: there is no rpId, and an app has none of its own", ErrOptions)
		}
		return id, nil
	}
	host, err := originHost(origin)
	if err != nil {
		return "", err
	}
	switch {
	case id == "" || id == host:
		return host, nil
	case strings.Contains(id, ".") && strings.HasSuffix(host, "."+id) && !strings.HasPrefix(id, "."):
		return id, nil
	}
	return "", ErrRelyingParty
}

// originHost is the host of an origin in its ASCII form, HTML section 7.1.1.
func originHost(origin string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme+"://"+u.Host != origin || strings.ToLower(origin) != origin {
		return "", fmt.Errorf("%w: want https://host or https://host:port in lower case, and nothing after it", ErrOrigin)
	}
	host := u.Hostname()
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return "", fmt.Errorf("%w: it is not secure, want https (or http://localhost)", ErrOrigin)
	}
	if p := u.Port(); p == "443" && u.Scheme == "https" || p == "80" && u.Scheme == "http" || strings.HasSuffix(u.Host, ":") {
		return "", fmt.Errorf("%w: the scheme's own port is left out", ErrOrigin)
	}
	if _, err := netip.ParseAddr(host); err == nil || host == "" || strings.HasPrefix(host, ".") {
		return "", fmt.Errorf("%w: want the name of a host, an address can have no passkeys", ErrOrigin)
	}
	return host, nil
}
