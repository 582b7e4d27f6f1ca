package inbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// maxLook is how many bytes the server may send for one look: the headers of the
// candidates and one mail, with much room.
const maxLook = 4 << 20

// Login says how an inbox is opened.
type Login struct {
	Username, Password string
	// Mailbox is its name; "" is INBOX.
	Mailbox string
	// StartTLS has the connection changed to TLS first (RFC 9051 section 6.2.1);
	// nil leaves it as it is.
	StartTLS *tls.Config
	// ReadOnly opens the mailbox so that nothing in it can be changed.
	ReadOnly bool
}

// An Inbox is a connection to a mail server with a mailbox selected. One goroutine
// uses it.
type Inbox struct {
	client *imapclient.Client
	conn   *bounded
	looked bool
	next   imap.UID // the first UID that is not looked at yet; at least 1
	tooOld time.Duration
}

// A bounded connection ends when the other side sends too much, or what the client
// cannot take.
type bounded struct {
	net.Conn
	left    atomic.Int64
	scanner scanner
}

var errTooMuch = fmt.Errorf("it sent more than %d bytes at once", maxLook)

func (b *bounded) Read(p []byte) (int, error) {
	if b.left.Load() <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p)
	b.left.Add(-int64(n))
	if !b.scanner.scan(p[:n]) {
		return 0, errNoIMAP
	}
	return n, err
}

// Open logs in over conn, which it takes over, and selects the mailbox. It returns
// soon after ctx is done.
func Open(ctx context.Context, conn net.Conn, l Login) (*Inbox, error) {
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	b := &Inbox{conn: &bounded{Conn: conn}, next: 1}
	b.conn.left.Store(maxLook)
	if l.StartTLS != nil {
		secure, err := startTLS(ctx, conn, l.StartTLS)
		if err != nil {
			conn.Close()
			return nil, b.explain("changing to TLS", err)
		}
		b.conn.Conn = secure
	}
	if err := b.begin(l); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

func (b *Inbox) begin(l Login) error {
	b.client = imapclient.New(b.conn, nil)
	if err := b.client.WaitGreeting(); err != nil {
		return b.explain("waiting for its greeting", err)
	}
	if err := b.client.Login(l.Username, l.Password).Wait(); err != nil {
		return b.explain("logging in", err)
	}
	mailbox := l.Mailbox
	if mailbox == "" {
		mailbox = "INBOX"
	}
	if _, err := b.client.Select(mailbox, &imap.SelectOptions{ReadOnly: l.ReadOnly}).Wait(); err != nil {
		return b.explain("selecting the mailbox", err)
	}
	return nil
}

// Close ends the connection and what was started for it. It does not take leave
// of the server first, which could make it wait.
func (b *Inbox) Close() {
	b.conn.Close()
	_ = b.client.Close() // that it breaks is what is wanted
}

// codes are the response codes that are shown; any other is the server's own text.
var codes = []imap.ResponseCode{
	imap.ResponseCodeAuthenticationFailed, imap.ResponseCodeAuthorizationFailed, imap.ResponseCodeContactAdmin,
	imap.ResponseCodeExpired, imap.ResponseCodeInUse, imap.ResponseCodeLimit, imap.ResponseCodeNonExistent,
	imap.ResponseCodeNoPerm, imap.ResponseCodePrivacyRequired, imap.ResponseCodeServerBug, imap.ResponseCodeUnavailable,
}

// explain says what went wrong, without any text that the server sent.
func (b *Inbox) explain(doing string, err error) error {
	var refused *imap.Error
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &refused) && slices.Contains(codes, refused.Code):
		return fmt.Errorf("%s: it was refused (%s)", doing, refused.Code)
	case errors.As(err, &refused), errors.Is(err, errRefused):
		return fmt.Errorf("%s: it was refused", doing)
	case b.conn.left.Load() <= 0:
		return fmt.Errorf("%s: %w", doing, errTooMuch)
	case errors.As(err, &certificate):
		return fmt.Errorf("%s: %w", doing, certificate)
	case errors.As(err, &op):
		return fmt.Errorf("%s: %w", doing, op.Err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, io.ErrClosedPipe):
		return fmt.Errorf("%s: the connection was closed", doing)
	}
	return fmt.Errorf("%s: the connection broke, or what came is no IMAP", doing)
}
