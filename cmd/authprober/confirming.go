package main

import (
	"github.com/authprober/authprober/prober"
	"github.com/authprober/authprober/prober/detect"
)

// confirmOf is how the check confirms; the zero value if it does not.
func confirmOf(*prober.Check) detect.Confirm { return detect.Confirm{} }

// paramsOf is what the check's detector works with.
func paramsOf(c *prober.Check) detect.Params {
	return c.Objective.ParamsConfirming(c.Schedule.Every, confirmOf(c))
}
