package banktest

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// An answer is a response before anything has been written, so that a fault
// can still damage it.
type answer struct {
	status int
	body   []byte      // JSON; nil for none
	header http.Header // beyond what every answer has; may be nil
}

func answerJSON(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // the types in this package can all be marshalled
	}
	return answer{status: status, body: append(body, '\n')}
}

// A refusal is an error answer of the API.
type refusal struct {
	status    int
	code      string
	about     string // for people; may be empty
	challenge string // WWW-Authenticate; may be empty
	allow     string // Allow; may be empty
}

// What the API refuses, apart from what depends on the request.
var (
	refuseCredentials = &refusal{status: 401, code: "invalid_credentials"}
	refuseLocked      = &refusal{status: 423, code: "account_locked"}
	refuseCaptcha     = &refusal{status: 403, code: "captcha_required", about: "show that you are human"}
	refuseUnknown     = &refusal{status: 401, code: "unknown_user"} // which no bank says that is not told to
	refuseChallenge   = &refusal{status: 401, code: "invalid_challenge", about: "unknown, expired or used; log in again"}
	refuseCode        = &refusal{status: 401, code: "invalid_code"}
	refuseSignature   = &refusal{status: 401, code: "invalid_signature"}
	refuseDevice      = &refusal{status: 404, code: "unknown_device", about: "enrol it with a session"}
	refuseRefresh     = &refusal{status: 401, code: "invalid_grant", about: "the refresh token is unknown, expired, revoked or used"}
	refusePath        = &refusal{status: 404, code: "not_found"}
	refuseSize        = &refusal{status: 413, code: "body_too_large", about: "at most 65536 bytes"}
	// RFC 6750 section 3: without a token there is no error code.
	refuseNoToken  = &refusal{status: 401, code: "unauthorized", challenge: `Bearer realm="bank"`}
	refuseBadToken = &refusal{status: 401, code: "invalid_token",
		challenge: `Bearer realm="bank", error="invalid_token", error_description="unknown, expired or revoked"`}
)

func badRequest(code, about string) *refusal { return &refusal{status: 400, code: code, about: about} }

func (r *refusal) answer() answer {
	a := answerJSON(r.status, struct {
		Error string `json:"error"`
		About string `json:"error_description,omitempty"`
	}{r.code, r.about})
	a.header = http.Header{}
	if r.challenge != "" {
		a.header.Set("WWW-Authenticate", r.challenge)
	}
	if r.allow != "" {
		a.header.Set("Allow", r.allow)
	}
	return a
}

// write sends the answer whole.
func (a answer) write(w http.ResponseWriter) {
	a.writeHeader(w)
	w.Write(a.body) // an error is a client that has gone, which is its right
}

// writeHeader sends everything before the body, with the body's length.
func (a answer) writeHeader(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	for k, v := range a.header {
		h[k] = v
	}
	if a.body != nil {
		if h.Get("Content-Type") == "" {
			h.Set("Content-Type", "application/json")
		}
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
}

// maxBody is the longest request body the bank reads.
const maxBody = 64 << 10

// readBody reads a request's body. A client has half a minute for it.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	control := http.NewResponseController(w)
	// Not every writer has deadlines, and the body is worth reading without.
	_ = control.SetReadDeadline(time.Now().Add(30 * time.Second))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_ = control.SetReadDeadline(time.Time{})
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, refuseSize
	}
	if err != nil {
		return nil, badRequest("invalid_request", "the body ends too early")
	}
	return body, nil
}

// checkType refuses a request whose body is not of the media type want.
func checkType(r *http.Request, want string) *refusal {
	got, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	if err != nil || got != want || charset != "" && charset != "utf-8" {
		return &refusal{status: 415, code: "unsupported_media_type", about: "want " + want + " in UTF-8"}
	}
	return nil
}

// decode reads a JSON object into into. Members that it has no place for are
// fine, as they are to most APIs.
func (c *call) decode(into any) *refusal {
	if why := checkType(c.request, "application/json"); why != nil {
		return why
	}
	if !utf8.Valid(c.body) || json.Unmarshal(c.body, into) != nil {
		return badRequest("malformed_json", "want one JSON object, its members of the right types, in UTF-8")
	}
	return nil
}

// want refuses a request that lacks one of its members, given as name and value.
func want(members ...string) *refusal {
	for i := 0; i < len(members); i += 2 {
		if members[i+1] == "" {
			return badRequest("invalid_request", members[i]+" is missing or empty")
		}
	}
	return nil
}
