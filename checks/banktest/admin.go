package banktest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// admin answers the endpoints below /-/, which no fault touches.
func (b *Bank) admin(w http.ResponseWriter, r *http.Request) answer {
	body, why := readBody(w, r)
	if why != nil {
		return why.answer()
	}
	id, one := strings.CutPrefix(r.URL.Path, "/-/faults/")
	switch {
	case one:
		return b.adminFault(r.Method, id)
	case r.URL.Path == "/-/faults":
		return b.adminFaults(r.Method, body)
	case r.URL.Path == "/-/deploy":
		return b.adminDeploy(r.Method, body)
	case r.URL.Path == "/-/stats" && r.Method == "GET":
		return answerJSON(200, b.Stats())
	case r.URL.Path == "/-/stats":
		return notAllowed("GET").answer()
	}
	return refusePath.answer()
}

func (b *Bank) adminFaults(method string, body []byte) answer {
	switch method {
	case "GET":
		return answerJSON(200, map[string]any{"faults": b.Faults()})
	case "POST":
		return b.adminAddFault(body)
	case "DELETE":
		b.ClearFaults()
		return answer{status: 204}
	}
	return notAllowed("GET, POST, DELETE").answer()
}

func (b *Bank) adminFault(method, id string) answer {
	switch {
	case method != "DELETE":
		return notAllowed("DELETE").answer()
	case !b.RemoveFault(id):
		return (&refusal{status: 404, code: "not_found", about: "no fault is called so; GET /-/faults lists them"}).answer()
	}
	return answer{status: 204}
}

// adminAddFault tells the JSON form from the text form by its first character,
// so that curl needs no header for either.
func (b *Bank) adminAddFault(body []byte) answer {
	var f Fault
	var err error
	if body = bytes.TrimSpace(body); bytes.HasPrefix(body, []byte("{")) {
		if !json.Valid(body) {
			return badRequest("malformed_json", "want one JSON object").answer()
		}
		err = f.UnmarshalJSON(body)
	} else {
		f, err = ParseFault(string(body))
	}
	if err == nil {
		f, err = b.AddFault(f)
	}
	if err != nil {
		return badRequest("invalid_fault", err.Error()).answer()
	}
	return answerJSON(201, f)
}

func (b *Bank) adminDeploy(method string, body []byte) answer {
	if method != "POST" {
		return notAllowed("POST").answer()
	}
	var in Backend
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || d.More() {
		return badRequest("malformed_json", `want {"backend": "b1", "release": "1.1.0"}`).answer()
	}
	if err := b.Deploy(in.Name, in.Release); err != nil {
		return badRequest("invalid_deploy", err.Error()).answer()
	}
	return answerJSON(200, map[string]any{"backends": b.Backends()})
}
