package banktest

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// admin answers the endpoints below /-/, which no fault touches.
func (b *Bank) administer(w http.ResponseWriter, r *http.Request) answer {
	body, why := readBody(w, r)
	if why != nil {
		return why.answer()
	}
	switch {
	case isFaultPath(r.URL.Path):
		return b.admin(r.Method, r.URL.Path, body)
	case r.URL.Path == "/-/deploy":
		return b.adminDeploy(r.Method, body)
	case r.URL.Path == "/-/stats":
		return adminStats(r.Method, b.Stats())
	}
	return refusePath.answer()
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

func adminStats(method string, stats any) answer {
	if method != "GET" {
		return notAllowed("GET").answer()
	}
	return answerJSON(200, stats)
}
