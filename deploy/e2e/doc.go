// Package e2e holds authprober against what it meets in the field: a real
// Prometheus and a real Alertmanager with the rules and routes of deploy, an
// identity server and a relying party for passkeys that nobody here wrote. It is
// a module of its own, so that none of their code is in the product's go.mod.
//
// Its tests run the built binary, as an operator does, and want these programs:
//
//	prometheus, promtool                        Debian: prometheus
//	prometheus-alertmanager or alertmanager     Debian: prometheus-alertmanager
//
// A program that is missing is a failure, never a skip. PocketBase is built from
// its module. E2E_AUTHPROBER names a released binary to test in place of one
// that is built from this checkout.
package e2e
