package checks

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
)

// tagCertificate is what blame calls the certificate that a run was shown, so a
// flow's own tag cannot be named so.
const (
	tagCertificate    = "certificate"
	certificateDigits = 12
)

// noteCertificate notes whose certificate the exchange's first handshake was shown.
// One that was not taken counts, for it is the very one to blame then.
func (t *timing) noteCertificate(state tls.ConnectionState, err error) {
	shown := state.PeerCertificates
	if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		shown = refused.UnverifiedCertificates
	}
	if t.shown == nil && len(shown) > 0 {
		t.shown = shown[0].Raw // the server's own comes first (RFC 8446, section 4.4.2)
	}
}

// noteCertificate keeps what tells the run's first certificate from others. It comes
// from the handshake and not from an answer, which a failed run may not have got.
func (s *Session) noteCertificate() {
	if s.report.Certificate != "" {
		return
	}
	var shown []byte
	s.timing.do(func() { shown = s.timing.shown })
	if shown != nil {
		sum := sha256.Sum256(shown)
		s.report.Certificate = hex.EncodeToString(sum[:])[:certificateDigits]
	}
}

// vetCertificateTag refuses a tag of the flow that would hide that of the run.
func vetCertificateTag(src *source, f *compiled) {
	for _, t := range f.tags {
		if t.name == tagCertificate {
			src.doc.Errorf(t.expr.node, "the tag %s is set by authprober itself: it tells the server's certificate; choose another name", tagCertificate)
		}
	}
}
