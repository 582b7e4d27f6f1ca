package web

import (
	"context"

	"github.com/authprober/authprober/prober/web/api"
)

// runOfHistory finds a run that has been made long ago.
func (p *pages) runOfHistory(context.Context, int64) (*api.Run, bool, error) { return nil, false, nil }

// runsOfHistory finds runs; ok is false where there is no history.
func (p *pages) runsOfHistory(context.Context, runQuery) (found api.Runs, ok bool, err error) { return }
