package checks

import (
	"errors"
	"path/filepath"
	"strings"
)

// credentialsVariable names the folder in which systemd puts the credentials of a
// service, systemd.exec(5).
const credentialsVariable = "CREDENTIALS_DIRECTORY"

// secretPath is where a secret's file is: the path as it is, taken from the folder dir
// where it is relative, or below $CREDENTIALS_DIRECTORY where it begins with that, in
// braces or not. No other variable means anything.
func secretPath(dir, path string, lookup func(string) (string, bool)) (string, error) {
	for _, spelled := range []string{"$" + credentialsVariable + "/", "${" + credentialsVariable + "}/"} {
		name, ok := strings.CutPrefix(path, spelled)
		if !ok {
			continue
		}
		credentials, _ := lookup(credentialsVariable)
		switch {
		case credentials == "":
			return "", errors.New("$" + credentialsVariable + " is not set; systemd sets it for a service with LoadCredential=")
		case !filepath.IsLocal(name):
			return "", errors.New("want the name of a credential after $" + credentialsVariable + "/")
		}
		return filepath.Join(credentials, name), nil
	}
	return under(dir, path), nil
}
