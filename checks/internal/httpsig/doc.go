// Package httpsig signs HTTP requests as RFC 9421 has it, makes the digests of
// RFC 9530 and of RFC 3230, and builds the signing string of the draft that came
// before the RFC, draft-cavage-http-signatures-12, on which PSD2 and many banks'
// own signatures are built. It verifies too, for the staging bank and for tests.
//
// Words: a component is what a signature covers, a header field or something
// derived from the request such as @path; the base is the text that is signed,
// made of the components' values and the signature's parameters; the label is
// the name a signature has in the fields Signature-Input and Signature.
//
// The base has to be of what is sent, byte for byte. So a component that is not
// there is an error, never an empty value, and what net/http adds by itself
// (User-Agent, Accept-Encoding, the cookies of a jar) can be covered only if the
// caller has set it before.
//
// Nothing here uses the network or the clock. No error has any part of a key, of
// a header's value or of a body.
package httpsig
