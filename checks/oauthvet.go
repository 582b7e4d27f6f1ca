package checks

import "slices"

// oauthSeen is which steps of a client stand before the one that is being vetted.
type oauthSeen struct {
	discovered, keys, pushed, authorized, device, backchannel bool
}

// oauth is what was seen of the client so far.
func (s *Scope) oauth(c *Client) *oauthSeen {
	if s.clients[c] == nil {
		s.clients[c] = &oauthSeen{}
	}
	return s.clients[c]
}

// vetEndpoint notes that nobody will know the endpoint when the step runs.
func (s *Scope) vetEndpoint(st *ClientStep, name string) {
	c := st.client
	if s.oauth(c).discovered || slices.ContainsFunc(c.Endpoints, func(p Pair) bool { return p.Name == name }) {
		return
	}
	s.doc.Errorf(st.node, "nothing says where the %s of the client %s is: put a step discovery before, or set it in endpoints", name, c.name)
}
