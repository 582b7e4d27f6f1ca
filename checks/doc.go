// Package checks is the flow language: it turns what an operator writes into
// checks that a prober can run.
//
// # From a file to a run
//
//	flow.yaml ──strict──► Flow ──compile──► prober.Check ──Begin──► Attempt ──Probe──► prober.Report
//
// A [Flow] is a YAML file: a target, a schedule, an objective, and steps. It is
// decoded node by node, so that every mistake comes with its line and column,
// all of them at once ([Mistakes]); its expressions are compiled and
// type-checked against the names in reach at their place. [Load] does all this,
// and uses no network.
//
// A step is of a kind, told by its key, such as `request`. A kind is one file with one
// type that implements [Step]; its fields are its settings, their comments the
// reference, its Vet the validation, its Run the behaviour.
//
// # What a run promises
//
//   - It is an independent sample: connections, TLS sessions and cookies of its
//     own, one address of the host chosen among all, one attempt. Between its
//     steps a connection is kept, as a phone keeps it; if that breaks, the run
//     has failed, and nothing is sent twice.
//   - Every failure has one [prober.Reason] and a line that says what was
//     wanted and what was got. What is wrong with this machine or with the flow
//     is an error of ours and never counts as the target's.
//   - An expectation that cannot be evaluated fails. A field that is missing is
//     an error, not nil, unless the expression says with `?.` or `??` that it may
//     be.
//   - No secret is in a report: those of accounts and of the flow, and whatever
//     a step captures without `show`, are redacted in every encoding they travel
//     in. Other texts of an answer are shown only where they read as words.
//   - The clean-up takes place after success, failure, timeout and shutdown,
//     within a time of its own, and never changes the outcome.
package checks
