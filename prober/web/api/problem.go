package api

// A Problem is the answer to a request that came to nothing, as
// application/problem+json (RFC 9457). Its type is about:blank: the status says
// what kind it is.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// Error makes a Problem an error of its readers.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Detail
}
