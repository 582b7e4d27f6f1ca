package webauthn

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// A cborMap is a map of CBOR. Its order is of no importance.
type cborMap []cborPair

// A cborPair has an int, a string or a []byte as key, and any of these or a cborMap
// as value.
type cborPair struct{ key, value any }

// appendCBOR appends the canonical encoding of CTAP2 (FIDO CTAP 2.1 section 8) of
// an int, a string, a []byte or a cborMap, which is all that credentials are made
// of: every length in its shortest form, the keys of a map sorted.
func appendCBOR(b []byte, v any) []byte {
	switch v := v.(type) {
	case int:
		if v < 0 {
			return appendHead(b, 1, uint64(-1-v))
		}
		return appendHead(b, 0, uint64(v))
	case []byte:
		return append(appendHead(b, 2, uint64(len(v))), v...)
	case string:
		return append(appendHead(b, 3, uint64(len(v))), v...)
	case cborMap:
		return appendMap(b, v)
	}
	panic(fmt.Sprintf("webauthn: no CBOR for a %T", v))
}

func appendMap(b []byte, m cborMap) []byte {
	type encoded struct{ key, value []byte }
	pairs := make([]encoded, len(m))
	for i, p := range m {
		pairs[i] = encoded{appendCBOR(nil, p.key), appendCBOR(nil, p.value)}
	}
	// CTAP2 sorts by type, length, bytes. The head of a key begins with its type and
	// its length, so that is the order of its bytes.
	slices.SortFunc(pairs, func(x, y encoded) int { return bytes.Compare(x.key, y.key) })
	b = appendHead(b, 5, uint64(len(m)))
	for _, p := range pairs {
		b = append(append(b, p.key...), p.value...)
	}
	return b
}

// appendHead appends a major type and its argument, RFC 8949 section 3.
func appendHead(b []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}
