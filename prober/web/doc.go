// Package web serves what a prober knows over HTTP: its metrics, whether it is
// alive and ready, and a page for people.
//
//	/             the checks and how they stand
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
// TLS and passwords are those of the Prometheus exporters: a web configuration
// file of github.com/prometheus/exporter-toolkit.
package web
