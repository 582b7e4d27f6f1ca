package banktest

import (
	"bytes"
	"encoding/json"
	"strings"
)

// isFaultPath says whether a path is that of an endpoint for faults.
func isFaultPath(path string) bool {
	return path == "/-/faults" || strings.HasPrefix(path, "/-/faults/")
}

// admin answers the endpoints for faults.
func (s *faultSet) admin(method, path string, body []byte) answer {
	if id, one := strings.CutPrefix(path, "/-/faults/"); one {
		return s.adminOne(method, id)
	}
	return s.adminAll(method, body)
}

func (s *faultSet) adminAll(method string, body []byte) answer {
	switch method {
	case "GET":
		return answerJSON(200, map[string]any{"faults": s.Faults()})
	case "POST":
		return s.adminAdd(body)
	case "DELETE":
		s.ClearFaults()
		return answer{status: 204}
	}
	return notAllowed("GET, POST, DELETE").answer()
}

func (s *faultSet) adminOne(method, id string) answer {
	switch {
	case method != "DELETE":
		return notAllowed("DELETE").answer()
	case !s.RemoveFault(id):
		return (&refusal{status: 404, code: "not_found", about: "no fault is called so; GET /-/faults lists them"}).answer()
	}
	return answer{status: 204}
}

// adminAdd tells the JSON form from the text form by its first character,
// so that curl needs no header for either.
func (s *faultSet) adminAdd(body []byte) answer {
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
		f, err = s.AddFault(f)
	}
	if err != nil {
		return badRequest("invalid_fault", err.Error()).answer()
	}
	return answerJSON(201, f)
}
