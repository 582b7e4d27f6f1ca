package webauthn

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// clientData is the client data, serialized as section 5.8.1.1 has it, which some
// relying parties compare byte for byte. typ is webauthn.create or webauthn.get.
func clientData(typ string, challenge []byte, origin string) []byte {
	return []byte(`{"type":` + quote(typ) + `,"challenge":` + quote(encode(challenge)) +
		`,"origin":` + quote(origin) + `,"crossOrigin":false}`)
}

// quote is CCDToString. A byte that is no UTF-8 becomes U+FFFD.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.Write(utf8.AppendRune(nil, r))
		}
	}
	b.WriteByte('"')
	return b.String()
}
