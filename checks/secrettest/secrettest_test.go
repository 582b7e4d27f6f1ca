package secrettest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/authprober/authprober/checks/secrettest"
)

const secret = `p&ss"w0rd<ß>/+ of mine`

// Each way to write a secret is found, in the middle of something.
func TestFind(t *testing.T) {
	written, err := json.Marshal(map[string]string{"a": secret})
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"as it is": "a" + secret + "b", "in capitals": strings.ToUpper(secret), "in JSON": string(written),
		"quoted": fmt.Sprintf("%q", secret), "quoted in ASCII": fmt.Sprintf("%+q", secret), "as bytes": fmt.Sprint([]byte("x" + secret + "y")),
		"in hex": fmt.Sprintf("%X", secret), "in a query": url.Values{"q": {secret}}.Encode(), "in a path": url.PathEscape("/" + secret),
		"hashed": fmt.Sprintf("%.6x", sha256.Sum256([]byte(secret))),
	}
	for n := range 7 {
		for name, e := range map[string]*base64.Encoding{"std": base64.StdEncoding, "url": base64.RawURLEncoding} {
			texts[fmt.Sprintf("base64 %s, %d in", name, n)] = e.EncodeToString([]byte(strings.Repeat("#", n) + secret + "and more"))
		}
	}
	for name, text := range texts {
		if len(secrettest.Find("before "+text+" after", secret)) == 0 {
			t.Errorf("%s: not found in %s", name, text)
		}
	}
	for _, f := range secrettest.Forms("12345678") {
		if len(f.Text) < 8 {
			t.Errorf("%s is %q, which is in many a text", f.Name, f.Text)
		}
	}
	if got := secrettest.Find("nothing of it here, "+secret[:10], secret); got != nil {
		t.Errorf("found %v", got)
	}
}
