package prober

import (
	"maps"
	"slices"
	"time"

	"github.com/authprober/authprober/prober/detect"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// A LogObserver is the [Observer] that writes one line for each run, each group
// of missed runs, each change of a state and each of a pace. What it writes comes from reports,
// which hold no secret.
type LogObserver struct {
	// Log is where the lines go. Passed and aborted runs are of level info, failed
	// and missed ones warn, errored ones error; those that are missed on purpose debug,
	// as a line says where that begins and ends.
	Log *zap.Logger
}

// ObserveRun implements [Observer].
func (o LogObserver) ObserveRun(r *Run) {
	if e := o.Log.Check(runLevel(r.Outcome), "run"); e != nil {
		e.Write(runFields(r)...)
	}
}

// ObserveMissed implements [Observer].
func (o LogObserver) ObserveMissed(m Missed) {
	fields := []zap.Field{zap.String("check", m.Check.Name), zap.String("reason", string(m.Reason)), zap.Int("n", m.N)}
	if m.Confirm { // nothing of the schedule is missing
		o.Log.Info("not confirmed", fields...)
		return
	}
	if m.Reason == MissGoverned || m.Reason == MissPaused { // a line at both ends of it is enough
		o.Log.Debug("missed", fields...)
		return
	}
	o.Log.Warn("missed", fields...)
}

// ObservePace implements [PaceObserver].
func (o LogObserver) ObservePace(p PaceChange) {
	fields := []zap.Field{zap.String("check", p.Check.Name), zap.String("from", string(p.From)), zap.String("to", string(p.To))}
	if p.To == PaceScheduled {
		o.Log.Info("pace", fields...)
		return
	}
	fields = append(fields, zap.String("reason", string(p.Why)))
	if p.Until.After(p.At) {
		fields = append(fields, zap.Time("until", p.Until))
	}
	o.Log.Warn("pace", fields...)
}

// ObserveStateChange writes what somebody needs who was woken by it. It is one
// of the functions that [NewJudge] takes.
func (o LogObserver) ObserveStateChange(c StateChange) {
	level := zapcore.InfoLevel
	if c.To == detect.Firing {
		level = zapcore.WarnLevel
	}
	if e := o.Log.Check(level, "state"); e != nil {
		e.Write(changeFields(c)...)
	}
}

// ObserveDrill writes that a drill has begun, or is over. It is for [Judge.OnDrill].
func (o LogObserver) ObserveDrill(c DrillChange) {
	if !c.On {
		o.Log.Info("drill over", zap.String("check", c.Check.Name))
		return
	}
	o.Log.Warn("drill", zap.String("check", c.Check.Name), zap.Time("until", c.Drill.Until),
		zap.Object("labels", tags(c.Check.Labels)))
}

func runLevel(o Outcome) zapcore.Level {
	switch o {
	case Failed:
		return zapcore.WarnLevel
	case Errored:
		return zapcore.ErrorLevel
	}
	return zapcore.InfoLevel
}

func runFields(r *Run) []zap.Field {
	fields := make([]zap.Field, 0, 16)
	fields = append(fields,
		zap.String("check", r.Check.Name),
		zap.Uint64("seq", r.Seq),
		zap.String("outcome", string(r.Outcome)),
	)
	if r.Confirm {
		fields = append(fields, zap.Bool("confirm", true))
	}
	if step := r.FailedStep(); step != nil {
		fields = appendStep(fields, step)
	}
	if r.Err != nil {
		fields = append(fields, zap.String("error", r.Err.Error()))
	}
	if s := failedCleanup(r); s != nil {
		fields = append(fields, zap.String("cleanup_step", s.Name),
			zap.String("cleanup_reason", string(s.Reason)), zap.String("cleanup_detail", s.Detail))
	}
	if r.Account != "" {
		fields = append(fields, zap.String("account", r.Account))
	}
	fields = append(fields, zap.Duration("took", r.Took), zap.Duration("lag", r.Start.Sub(r.Due)))
	if d := slowestDelivery(r); d > 0 {
		fields = append(fields, zap.Duration("delivery", d))
	}
	if d := slowestPropagation(r); d > 0 {
		fields = append(fields, zap.Duration("propagation", d))
	}
	if r.TraceID != "" {
		fields = append(fields, zap.String("trace_id", r.TraceID))
	}
	if len(r.Tags) > 0 {
		fields = append(fields, zap.Object("tags", tags(r.Tags)))
	}
	return fields
}

func appendStep(fields []zap.Field, s *StepResult) []zap.Field {
	fields = append(fields, zap.String("step", s.Name), zap.String("reason", string(s.Reason)),
		zap.String("detail", s.Detail))
	if s.Status != 0 {
		fields = append(fields, zap.Int("status", s.Status))
	}
	if s.Repeat != "" {
		fields = append(fields, zap.String("repeat", string(s.Repeat)))
	}
	return fields
}

// slowestDelivery is the longest that a step waited for a delivery which came; 0
// where none did.
func slowestDelivery(r *Run) (longest time.Duration) {
	for i := range r.Steps {
		longest = max(longest, r.Steps[i].Delivery)
	}
	return longest
}

// slowestPropagation is the longest that a revocation took to be seen; 0 where none was.
func slowestPropagation(r *Run) (longest time.Duration) {
	for i := range r.Steps {
		longest = max(longest, r.Steps[i].Propagation)
	}
	return longest
}

func failedCleanup(r *Run) *StepResult {
	for i := range r.Cleanup {
		if r.Cleanup[i].Reason != "" {
			return &r.Cleanup[i]
		}
	}
	return nil
}

func changeFields(c StateChange) []zap.Field {
	s := &c.Status
	fields := []zap.Field{
		zap.String("check", c.Check.Name),
		zap.Stringer("from", c.From),
		zap.Stringer("to", c.To),
		zap.String("cause", string(c.Cause)),
		zap.Float64("evidence", s.Evidence),
	}
	for _, r := range s.Ratios {
		fields = append(fields, zap.Stringer("ratio_"+WindowName(r.Window), r))
	}
	fields = append(fields, zap.Float64("tolerate", c.Check.Objective.Tolerate),
		zap.Float64("detect", c.Check.Objective.Detect))
	if !s.ChangePoint.IsZero() {
		fields = append(fields, zap.Time("change_point", s.ChangePoint))
	}
	if said := s.BlameText(); said != "" {
		fields = append(fields, zap.String("blame", said))
	}
	if s.Bursts.Outgrown > 0 {
		fields = append(fields, zap.Duration("longest_burst", s.Bursts.Longest),
			zap.Duration("blip", c.Check.Objective.Blip))
	}
	if c.Step != "" {
		fields = append(fields, zap.String("fail_open", c.Step))
	}
	if r := s.LastFailed; r != nil && c.To != detect.Healthy {
		fields = appendStep(fields, r.FailedStep())
		if r.TraceID != "" {
			fields = append(fields, zap.String("trace_id", r.TraceID))
		}
	}
	return append(fields, zap.Object("labels", tags(c.Check.Labels)))
}

// tags writes a map of strings, sorted.
type tags map[string]string

func (t tags) MarshalLogObject(e zapcore.ObjectEncoder) error {
	for _, k := range slices.Sorted(maps.Keys(t)) {
		e.AddString(k, t[k])
	}
	return nil
}
