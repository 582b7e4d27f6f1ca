package e2e

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// dovecotPassword is every mailbox's, with what a client has to quote; its user may
// be any of letters, digits and the signs in an address.
const dovecotPassword = `a-"mail\password"-of-ours`

// A dovecot is an IMAP server of its own, Debian's, on loopback.
type dovecot struct {
	Address    string // plain, and STARTTLS
	TLSAddress string // TLS from the first byte
	CAFile     string // of the authority that vouches for 127.0.0.1 and localhost

	mail     string // the folder of Maildirs
	uid, gid int    // whose they are
}

// newDovecot starts one for the length of the test. As root its mails belong to
// nobody, for it refuses to serve root's.
func newDovecot(t *testing.T) *dovecot {
	t.Helper()
	program := installed(t, "dovecot-imapd", "dovecot", "/usr/sbin/dovecot")
	if out, err := exec.Command(program, "--version").Output(); err != nil || !strings.HasPrefix(string(out), "2.3.") {
		t.Fatalf("dovecot is %q, %v; its configuration here is for 2.3", out, err)
	}
	dir := t.TempDir()
	free := freeAddresses(t, 2)
	d := &dovecot{Address: free[0], TLSAddress: free[1], CAFile: filepath.Join(dir, "ca.pem"), mail: filepath.Join(dir, "mail")}
	makeCertificates(t, dir)
	users := d.mailUser(t)
	if err := os.Mkdir(d.mail, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // the users it changes to come from above
		if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(d.mail, d.uid, d.gid); err != nil {
			t.Fatal(err)
		}
	}
	_, plain, _ := net.SplitHostPort(d.Address)
	_, secure, _ := net.SplitHostPort(d.TLSAddress)
	config := write(t, dir, "dovecot.conf", strings.NewReplacer("DIR", dir, "PLAIN", plain, "SECURE", secure,
		"UID", strconv.Itoa(d.uid), "GID", strconv.Itoa(d.gid), "PASSWORD", dovecotPassword, "USERS", users).Replace(dovecotConfig))
	p := start(t, nil, program, "-F", "-c", config)
	eventually(t, 30*time.Second, "dovecot", func() error {
		select {
		case <-p.done:
			t.Fatalf("dovecot ended early: %v\n%s", p.err, p.log)
		default:
		}
		return greeted(d.Address)
	})
	return d
}

// dovecotConfig keeps everything in one folder and writes its log where the test
// shows it.
const dovecotConfig = `base_dir = DIR/run
state_dir = DIR/run
log_path = /dev/stderr
listen = 127.0.0.1
protocols = imap
USERS
ssl = yes
ssl_cert = <DIR/server.pem
ssl_key = <DIR/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
mail_location = maildir:DIR/mail/%u
mail_uid = UID
mail_gid = GID
first_valid_uid = 1
passdb {
  driver = static
  args = password=PASSWORD
}
userdb {
  driver = static
  args = uid=UID gid=GID home=DIR/mail/%u
}
service imap-login {
  inet_listener imap {
    port = PLAIN
  }
  inet_listener imaps {
    port = SECURE
    ssl = yes
  }
}
service anvil {
  # A wrong password makes nobody wait.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
`

// mailUser decides whose the mails are, and returns what else the configuration
// has to say about users: whoever is not root can change to nobody.
func (d *dovecot) mailUser(t *testing.T) (settings string) {
	t.Helper()
	if os.Getuid() != 0 {
		me, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		group, err := user.LookupGroupId(me.Gid)
		if err != nil {
			t.Fatal(err)
		}
		d.uid, d.gid = os.Getuid(), os.Getgid()
		return "default_internal_user = " + me.Username + "\ndefault_internal_group = " + group.Name + "\ndefault_login_user = " + me.Username +
			"\nservice imap-login {\n  chroot =\n}\nservice anvil {\n  chroot =\n}"
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	d.uid, _ = strconv.Atoi(nobody.Uid)
	d.gid, _ = strconv.Atoi(nobody.Gid)
	return ""
}

// greeted says whether an IMAP server answers.
func greeted(address string) error {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "* OK") {
		err = fmt.Errorf("it says %q", line)
	}
	return err
}

// deliver puts a message, with its header, into a user's inbox. It is there
// whole when deliver returns, as a mail server would have it.
func (d *dovecot) deliver(t *testing.T, user, message string) {
	t.Helper()
	if err := d.put(user, message); err != nil {
		t.Fatal(err)
	}
}

// put is deliver for other goroutines than the test's.
func (d *dovecot) put(user, message string) error {
	box := filepath.Join(d.mail, user)
	for _, folder := range []string{box, filepath.Join(box, "tmp"), filepath.Join(box, "new"), filepath.Join(box, "cur")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		if err := os.Chown(folder, d.uid, d.gid); err != nil {
			return err
		}
	}
	name := fmt.Sprintf("%d.%s.e2e", time.Now().UnixNano(), rand.Text())
	lines := strings.ReplaceAll(strings.ReplaceAll(message, "\r\n", "\n"), "\n", "\r\n")
	written := filepath.Join(box, "tmp", name)
	if err := os.WriteFile(written, []byte(lines), 0o600); err != nil {
		return err
	}
	if err := os.Chown(written, d.uid, d.gid); err != nil {
		return err
	}
	return os.Rename(written, filepath.Join(box, "new", name))
}

// An imap is one connection of a client that speaks IMAP4rev1 (RFC 3501) word
// for word.
type imap struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	tag  int
}

func newIMAP(t *testing.T, c net.Conn, err error) *imap {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &imap{t: t, conn: c, in: bufio.NewReader(c)}
}

func (i *imap) line() string {
	i.t.Helper()
	line, err := i.in.ReadString('\n')
	if err != nil {
		i.t.Fatal(err)
	}
	return line
}

// do sends a command and returns all that is said until its end, which has to be
// the status: OK, NO or BAD.
func (i *imap) do(status, command string) (said string) {
	i.t.Helper()
	i.tag++
	tag := fmt.Sprintf("a%d ", i.tag)
	if _, err := fmt.Fprintf(i.conn, "%s%s\r\n", tag, command); err != nil {
		i.t.Fatal(err)
	}
	for {
		line := i.line()
		said += line
		if strings.HasPrefix(line, tag) {
			if !strings.HasPrefix(line, tag+status) {
				i.t.Fatalf("the end is %q, want %s", line, status)
			}
			return said
		}
	}
}

func TestDovecot(t *testing.T) {
	d := newDovecot(t)
	ca, err := os.ReadFile(d.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	trust := &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
	d.deliver(t, "probe-a@bank.example", "From: bank@bank.example\nSubject: Your code\n\nIt is 123456.\n")
	d.deliver(t, "probe-b@bank.example", "From: bank@bank.example\nSubject: Your code\n\nIt is 654321.\n")

	for name, dial := range map[string]func(*testing.T) (*imap, string){
		"plain": func(t *testing.T) (*imap, string) {
			c, err := net.Dial("tcp", d.Address)
			i := newIMAP(t, c, err)
			return i, i.line()
		},
		"STARTTLS": func(t *testing.T) (*imap, string) {
			c, err := net.Dial("tcp", d.Address)
			i := newIMAP(t, c, err)
			greeting := i.line()
			i.do("OK", "STARTTLS")
			secure := tls.Client(i.conn, trust)
			i.conn, i.in = secure, bufio.NewReader(secure)
			return i, greeting
		},
		"TLS": func(t *testing.T) (*imap, string) {
			c, err := tls.Dial("tcp", d.TLSAddress, trust)
			i := newIMAP(t, c, err)
			return i, i.line()
		},
	} {
		t.Run(name, func(t *testing.T) {
			i, greeting := dial(t)
			if !strings.HasPrefix(greeting, "* OK") {
				t.Errorf("it greets with %q", greeting)
			}
			i.do("NO", `LOGIN probe-a@bank.example wrong`)
			i.do("OK", fmt.Sprintf("LOGIN probe-a@bank.example %q", dovecotPassword))
			if said := i.do("OK", "SELECT INBOX"); !strings.Contains(said, "* 1 EXISTS") {
				t.Errorf("selecting says %s", said)
			}
			if said := i.do("OK", "FETCH 1 BODY.PEEK[]"); !strings.Contains(said, "It is 123456.\r\n") || strings.Contains(said, "654321") {
				t.Errorf("fetching says %s", said)
			}
			i.do("OK", "LOGOUT")
		})
	}

	// A mail that comes while a client looks is there at its next look.
	c, err := net.Dial("tcp", d.Address)
	i := newIMAP(t, c, err)
	_ = i.line()
	i.do("OK", fmt.Sprintf("LOGIN probe-b@bank.example %q", dovecotPassword))
	i.do("OK", "SELECT INBOX")
	d.deliver(t, "probe-b@bank.example", "From: bank@bank.example\nSubject: Your code\n\nIt is 777777.\n")
	i.do("OK", "NOOP")
	if said := i.do("OK", "FETCH 2 BODY.PEEK[TEXT]"); !strings.Contains(said, "It is 777777.") {
		t.Errorf("fetching says %s", said)
	}
}
