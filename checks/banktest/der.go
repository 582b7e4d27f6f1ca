package banktest

import (
	"bytes"
	"encoding/asn1"
	"math/big"
)

// parseDER reads an ECDSA signature in ASN.1 (RFC 3279 section 2.2.3). DER has one
// form of each, so whatever reads as one and is written otherwise is none.
func parseDER(signature []byte) (r, s *big.Int, ok bool) {
	var numbers struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(signature, &numbers)
	if err != nil || len(rest) > 0 || numbers.R.Sign() <= 0 || numbers.S.Sign() <= 0 {
		return nil, nil, false
	}
	again, err := asn1.Marshal(numbers)
	return numbers.R, numbers.S, err == nil && bytes.Equal(again, signature)
}
