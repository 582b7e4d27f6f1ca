package checks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"

	"github.com/authprober/authprober/prober"
)

// A failure is the target's fault: why a step failed, and what was seen.
type failure struct {
	reason prober.Reason
	detail string
}

func (f *failure) Error() string { return f.detail }

// Failf makes the error of a step that failed by the target's fault. The text
// says what was expected and what was got, in one line; known secrets in it
// are redacted later.
func Failf(reason prober.Reason, format string, args ...any) error {
	return &failure{reason, fmt.Sprintf(format, args...)}
}

var (
	// errFollow is the error of a redirect too many.
	errFollow = errors.New("too many redirects")
	// errReplay is the error of net/http's wish to send a request again.
	errReplay = errors.New("the connection broke or the request was refused unseen, and nothing is sent again")
)

// classify turns the error of an HTTP exchange into a failure, or returns it
// as ours. The context is the step's.
func classify(ctx context.Context, err error, at stage) error {
	err = withoutURL(err)
	switch {
	case errors.Is(context.Cause(ctx), prober.ErrShutdown):
		return prober.ErrShutdown
	case ctx.Err() != nil:
		return Failf(prober.ReasonTimeout, "no whole answer within the time: it ran out while %s", at)
	case isLocal(err):
		return fmt.Errorf("%s: %w", at, err)
	}
	if errors.Is(err, errForeign) {
		return Failf(prober.ReasonForeignOrigin, "following redirects: one goes to an origin that the flow does not name; nothing was sent there")
	}
	if errors.Is(err, errReplay) {
		return Failf(prober.ReasonReset, "%v", errReplay)
	}
	text := plain(err)
	reason := reasonOf(err, at)
	switch reason {
	case prober.ReasonRedirect:
		if text = "too many of them"; !errors.Is(err, errFollow) {
			text = "one goes to what is no http or https URL"
		}
		return Failf(reason, "following redirects: %s", text)
	case prober.ReasonBadResponse: // net/http quotes what it was sent
		if i := strings.IndexAny(text, `";[`); i >= 0 {
			text = strings.TrimRight(text[:i], " :")
		}
	}
	return Failf(reason, "%s: %s", at, text)
}

// withoutURL strips an error of the URL that net/http puts in front of it: the
// query may hold a code or a token.
func withoutURL(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}

// local are the errors that tell of our own machine.
var local = []error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL,
	syscall.EPERM, syscall.EACCES, syscall.ENETDOWN, syscall.ENETUNREACH,
}

func isLocal(err error) bool {
	for _, l := range local {
		if errors.Is(err, l) {
			return true
		}
	}
	return false
}

func reasonOf(err error, at stage) prober.Reason {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return prober.ReasonDNS
	case isTLS(err) || at == shakingHands:
		return prober.ReasonTLS
	case at == resolving:
		return prober.ReasonDNS
	case at == connecting:
		return prober.ReasonConnect
	case errors.Is(err, errFollow) || strings.Contains(err.Error(), "unsupported protocol scheme"):
		return prober.ReasonRedirect
	case isBroken(err):
		return prober.ReasonReset
	}
	return prober.ReasonBadResponse
}

func isTLS(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" { // an alert: with TLS 1.3 that of a certificate comes after the handshake
		return true
	}
	var (
		record       tls.RecordHeaderError
		verification *tls.CertificateVerificationError
		alert        tls.AlertError
		unknown      x509.UnknownAuthorityError
		host         x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	return errors.As(err, &record) || errors.As(err, &verification) || errors.As(err, &alert) ||
		errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &invalid) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client")
}

// isBroken tells a connection that broke from an answer that is malformed.
func isBroken(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return true
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "server closed idle connection") || strings.Contains(text, "stream error") ||
		strings.Contains(text, "GOAWAY") || strings.Contains(text, "connection lost")
}

// plain is an error's text in one line, without what net puts around it.
func plain(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok { // the name may be that of a redirect
		return dns.Err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		if op.Addr != nil {
			return op.Addr.String() + ": " + op.Err.Error()
		}
		return op.Err.Error()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection was closed before the answer was whole"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}
