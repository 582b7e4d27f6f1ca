// Command generate writes what deploy holds as code or holds twice:
//
//   - deploy/grafana/dashboards, one file for each dashboard;
//   - the chart's copies of them and of the rules, in deploy/helm/authprober/files:
//     a chart is installed from its own folder alone;
//   - the same again in deploy/kustomize/monitoring;
//   - the chart's values.schema.json, in which the daemon's settings are named.
//
// Its tests hold the files to what it would write, and the dashboards to what
// Grafana, the metrics and somebody who is woken by one ask of them. That each
// query has an answer deploy/e2e shows, with a real Prometheus.
//
//	go generate ./deploy/...
package main

//go:generate go run . ../..
