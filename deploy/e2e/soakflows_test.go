package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The checks of a soak, 200 of them: one that looks twenty times a second and so sees what
// meets few logins; logins with a code; requests of an edge without accounts, thirty of
// which share a group; and one that holds a token to be dead after its logout.
const (
	soakLogins = 98
	soakEdges  = 100
	soakGroup  = "front"
	// soakUsers is how many customers there are. Some seventy a second log in, each of
	// whom can do that once in 30 s, and a tenth of them is away.
	soakUsers = 3600
	// soakFalsePage is the time in which a healthy check may page once: its evidence R is
	// such that R - n, n being the runs, is a supermartingale, so the chance to page within
	// some time is that time divided by this one at the most. Of 200 checks within a minute
	// it is 4e-6, within an hour 2.3e-4.
	soakFalsePage = "1 per 36500d"
)

// What fails at all fails altogether at the edge: so an end of it takes seven runs and not
// the hundreds that tell 2 % from 0.1 %.
const soakEdge = `name: $NAME
about: $ABOUT
target: $EDGE
schedule: {every: $EVERY, timeout: 2s, concurrency: 4}
objective: {tolerate: 0.1%, detect: 80%, false_pages: $FALSE, blip: 0s$GROUP}
labels: {team: identity, severity: page}
steps:
  - {name: status, request: GET /v1/status, expect: [status == 200, body.status == "ok"]}
`

const soakLogin = `name: $NAME
about: $ABOUT
target: $BANK
schedule: {every: $EVERY, timeout: 4s, concurrency: $AT_ONCE}
accounts: retail
objective: {tolerate: 0.1%, detect: $DETECT, false_pages: $FALSE, blip: $BLIP}
labels: {team: identity, severity: page}
tags:
  release: header["X-Release"]
steps:
  - name: login
    request: POST /v1/login
    json: {username: "${{ account.username }}", password: "${{ account.password }}"}
    expect: [status == 200]
    capture: {challenge: body.challenge}
  - name: code
    request: POST /v1/login/otp
    json: {challenge: "${{ challenge }}", code: "${{ totp(account.totp_secret) }}"}
    expect: [status == 200]
    capture: {access: body.access_token}
$REST`

const soakLogout = `cleanup:
  - {name: logout, request: POST /v1/logout, bearer: "${{ access }}", expect: [status == 204]}
`

const soakRefused = `  - {name: logout, request: POST /v1/logout, bearer: "${{ access }}", expect: [status == 204]}
  - {name: the token is refused, request: GET /v1/accounts, bearer: "${{ access }}", refuse: [401]}
`

// A soakConfig writes one configuration after the other into a folder: flows that come and
// go, flows that change, accounts that come and go, an account whose secrets change.
type soakConfig struct {
	dir, secrets string
	bank, edge   string // URLs
	users        []soakUser
	generation   int
	written      map[string]bool // flows that are there
	steady       []string        // checks that are never away and keep their schedule
	churned      map[string]bool // the others
	grouped      map[string]bool // checks of the group
}

// A soakUser is a customer as `authprober bank` writes them.
type soakUser struct {
	Name, Username, Password string
	TOTPSecret               string `yaml:"totp_secret"`
}

func newSoakConfig(t *testing.T, dir, accounts, bank, edge string) *soakConfig {
	var file struct {
		Pools map[string]struct{ Accounts []soakUser }
	}
	readYAML(t, accounts, &file)
	c := &soakConfig{dir: filepath.Join(dir, "flows"), secrets: filepath.Join(dir, "secrets"), bank: bank, edge: edge,
		users: file.Pools["retail"].Accounts, written: map[string]bool{}, churned: map[string]bool{}, grouped: map[string]bool{}}
	for _, folder := range []string{c.dir, c.secrets} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c.next(t)
	for name := range c.written {
		if !c.churned[name] {
			c.steady = append(c.steady, name)
		}
	}
	slices.Sort(c.steady)
	return c
}

// next writes the next configuration.
func (c *soakConfig) next(t *testing.T) {
	t.Helper()
	c.generation++
	g := c.generation
	flows := map[string]string{
		"retail":  c.fill(soakLogin, "retail", "DETECT", "5%", "BLIP", "0s", "EVERY", "50ms", "AT_ONCE", "80", "REST", soakLogout),
		"refused": c.fill(soakLogin, "refused", "DETECT", "80%", "BLIP", "6s", "EVERY", "1s", "AT_ONCE", "4", "REST", soakRefused),
	}
	for i := range soakLogins {
		name := fmt.Sprintf("login-%02d", i)
		if i%10 == 9 {
			name = c.passing(name, g)
		}
		flows[name] = c.fill(soakLogin, name, "DETECT", "80%", "BLIP", "6s", "EVERY", "2s", "AT_ONCE", "4", "REST", soakLogout)
	}
	for i := range soakEdges {
		name, every, about, group := fmt.Sprintf("edge-%02d", i), "1s", "an edge", ""
		switch {
		case i%10 == 9:
			name = c.passing(name, g)
		case i%10 == 8:
			every = fmt.Sprintf("%dms", 1000+g%2*100)
			c.churned[name] = true
		case i%10 == 7:
			about = fmt.Sprintf("an edge, as of %d", g)
		case i < 30:
			group = ", group: " + soakGroup
			c.grouped[name] = true
		}
		flows[name] = c.fill(soakEdge, name, "ABOUT", about, "EVERY", every, "GROUP", group)
	}
	for name := range c.written {
		if _, stays := flows[name]; !stays {
			if err := os.Remove(filepath.Join(c.dir, name+".yaml")); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.written = map[string]bool{}
	for name, text := range flows {
		c.put(t, filepath.Join(c.dir, name+".yaml"), text)
		c.written[name] = true
	}
	c.put(t, filepath.Join(c.dir, "accounts.yaml"), c.pool(t, g))
}

// passing is the name of a check that is there in one of three generations.
func (c *soakConfig) passing(name string, g int) string {
	name = fmt.Sprintf("%s-of-%d", name, g%3)
	c.churned[name] = true
	return name
}

func (c *soakConfig) fill(flow, name string, pairs ...string) string {
	all := []string{"$NAME", name, "$BANK", c.bank, "$EDGE", c.edge, "$FALSE", soakFalsePage}
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, "$"+pairs[i], pairs[i+1])
	}
	return strings.NewReplacer(append(all, "$ABOUT", "a login")...).Replace(flow)
}

// pool is the accounts of a generation: a tenth of them is away, another one each time, and
// behind the first is another customer, by secrets that have changed.
func (c *soakConfig) pool(t *testing.T, g int) string {
	const rotated = 20 // customers that the first account is, one after the other
	var b strings.Builder
	b.WriteString("pools:\n  retail:\n    max_logins: 6 per minute\n    accounts:\n")
	u := c.users[g%rotated]
	for name, text := range map[string]string{"username": u.Username, "password": u.Password, "totp": u.TOTPSecret} {
		c.put(t, filepath.Join(c.secrets, name), text)
	}
	fmt.Fprintf(&b, "      - {name: rotated, username: {file: %[1]s/username}, password: {file: %[1]s/password}, totp_secret: {file: %[1]s/totp}}\n", c.secrets)
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	for i, u := range c.users[rotated:] {
		if i%10 != g%10 {
			fmt.Fprintf(&b, "      - {name: %s, username: %s, password: %s, totp_secret: %s}\n", u.Name, quote(u.Username), quote(u.Password), u.TOTPSecret)
		}
	}
	return b.String()
}

// broken is a configuration with mistakes in it, until mend.
func (c *soakConfig) broken(t *testing.T) (mend func()) {
	path := filepath.Join(c.dir, "broken.yaml")
	c.put(t, path, "name: broken\nsteps: [{name: s, requst: GET /}]\n")
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// put replaces a file as a whole.
func (c *soakConfig) put(t *testing.T, path, text string) {
	t.Helper()
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// isEdge reports whether a check, or a group, looks at the edge and not at the bank.
func isEdge(check string) bool {
	return strings.HasPrefix(check, "edge-") || strings.HasPrefix(check, "group:")
}
