package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/authprober/authprober/prober/detect"
)

// A junitSuites is a JUnit file, as CI servers read them: a suite with a test case
// for each flow. An undecided flow is a failed one, since nobody knows that it
// is good; by our own fault it is an error.
type junitSuites struct {
	XMLName  xml.Name   `xml:"testsuites"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Time     string     `xml:"time,attr"`
	Suite    junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string      `xml:"name,attr"`
	Class   string      `xml:"classname,attr"`
	Time    string      `xml:"time,attr"`
	Failure *junitFault `xml:"failure,omitempty"`
	Error   *junitFault `xml:"error,omitempty"`
	Out     string      `xml:"system-out,omitempty"`
}

type junitFault struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func writeJUnit(w io.Writer, r *gateResult) error {
	suite := junitSuite{Name: "authprober gate", Tests: len(r.Checks), Time: fmt.Sprintf("%.3f", r.Took)}
	for i := range r.Checks {
		c := &r.Checks[i]
		one := junitCase{Name: c.Check, Class: "authprober.gate", Time: fmt.Sprintf("%.3f", c.took.Seconds())}
		text := strings.Join(c.lines(), "\n")
		fault := &junitFault{Message: c.Decision + ": " + c.Because, Type: c.Decision, Text: text}
		switch {
		case c.Decision == detect.Good.String():
			one.Out = strings.TrimSpace("failed " + ratioOf(c.Failed, c.N) + "\n" + text)
		case c.Decision == detect.Undecided.String() && (c.ours || r.ours):
			one.Error = fault
			suite.Errors++
		default:
			one.Failure = fault
			suite.Failures++
		}
		suite.Cases = append(suite.Cases, one)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{
		Name: suite.Name, Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Time: suite.Time, Suite: suite,
	}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
