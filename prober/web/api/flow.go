package api

// A Flow is what a check was made of.
type Flow struct {
	Check  string `json:"check"`
	Source string `json:"source"` // YAML, without secrets
}
