// Package web serves what a prober knows over HTTP: its metrics, whether it is
// alive and ready, pages for people, and a JSON API for programs.
//
//	/             the checks and how they stand; see docs/page.md for the other pages
//	/live         what changes on them, as server-sent events
//	/api/v1/      the same as JSON, see docs/api.md and prober/web/api
//	/metrics      Prometheus text, OpenMetrics or protobuf, as is asked for
//	/-/healthy    200 while the process serves
//	/-/ready      200 while checks are being run, 503 before and after
//	/-/log-level  GET, and PUT {"level":"debug"}
//	/-/reload     POST reads the configuration again, all of it or nothing
//	/-/drill      POST check=NAME&for=2m begins a drill, DELETE check=NAME ends it
//
// What changes something, PUT, POST and DELETE, is there for those whom [Admin] lets
// through; by default that is nobody.
//
// Pages are templates over the same plain data as the API, drawn by the server: one
// file of script keeps them up to date, and they do without it. Whatever they show is
// redacted where it is made, so there is nothing to hide here.
//
// TLS and passwords are those of the Prometheus exporters: a web configuration
// file of github.com/prometheus/exporter-toolkit.
package web
