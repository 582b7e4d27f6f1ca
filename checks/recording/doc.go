// Package recording turns what a developer has recorded into the draft of a
// flow.
//
//	HAR 1.2 ──┐
//	          ├──► Recording ──keep──► requests ──values──► Draft ──write──► YAML
//	Postman ──┘
//
// A [Recording] is a neutral list of exchanges. From it [Recording.Draft] drops
// what is no part of a login (images, scripts, preflights), finds where each
// value of a request comes from, and writes the flow: a value that an earlier
// answer had becomes a capture, what a customer knows a field of the account,
// what an app computes a helper of the language, any other secret a reference.
//
// # What a draft promises
//
//   - No value that is recognised as a secret is in it, nor any value of an
//     answer: of answers it has statuses and the names of fields. A value is
//     recognised by where it stands (a password field, an Authorization), by
//     where it came from, or by looking like a token, an e-mail address, a long
//     number. Before a draft is handed out it is searched for all of them.
//   - It loads, given the environment variables it names.
//   - What was dropped, guessed or left to the author is a comment in it.
//
// The package is pure: it reads what it is given and writes nothing.
package recording
