package prober

// An Exchange is what a step sent and what it got, for whoever has to find out what
// went wrong: redacted, bounded, and made only for runs that failed and for a few of
// those that passed. Every text in it may be shown and stored.
type Exchange struct {
	// Request is the method and the URL, in whose query values are masked.
	Request string `json:"request"`
	// Header are the chosen fields of the request, by name.
	Header []Field `json:"header,omitempty"`
	// Body is the shape of what was sent; "" where nothing was.
	Body string `json:"body,omitempty"`
	// Proto is the protocol of the answer, such as HTTP/2.0; "" where there was none.
	Proto string `json:"proto,omitempty"`
	// Status of the answer; 0 where there was none.
	Status int `json:"status,omitempty"`
	// AnswerHeader are the chosen fields of the answer, by name.
	AnswerHeader []Field `json:"answer_header,omitempty"`
	// Answer is the beginning of the answer's body, masked, and AnswerBytes the
	// length of the whole of it. AnswerCut says that there was more than is shown.
	Answer      string `json:"answer,omitempty"`
	AnswerBytes int64  `json:"answer_bytes,omitempty"`
	AnswerCut   bool   `json:"answer_cut,omitempty"`
	// Curl is a command for a POSIX shell that sends the same request, in which every
	// value that is not of the flow's own text is a variable; "" where there is none.
	Curl string `json:"curl,omitempty"`
}

// A Field is one header field.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
