// Package api has the words of the JSON API, in which the status page, the command
// line and other programs read what a prober knows: plain data, without behaviour
// but for a few words for people.
//
// A field has one name everywhere. Moments are RFC 3339 in UTC, lengths of time
// are seconds, and ratios are numbers from 0 to 1. A field that is not there stands
// for something that is not known or has not happened. Names and meanings do
// not change within /api/v1; new ones may come. The whole is described by
// openapi.json, which prober/web serves and holds its answers to.
//
// No secret is in any of it: what a run tells of itself is redacted where it is made.
package api
