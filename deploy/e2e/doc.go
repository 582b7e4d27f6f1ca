// Package e2e holds authprober against what it meets in the field: a real
// Prometheus and a real Alertmanager with the rules and routes of deploy, identity
// servers and a relying party for passkeys that nobody here wrote. It is a module
// of its own, so that none of their code is in the product's go.mod.
//
// Its tests run the built binary, as an operator does, and want these programs:
//
//	prometheus, promtool                        Debian: prometheus
//	prometheus-alertmanager or alertmanager     Debian: prometheus-alertmanager
//	node and npm                                Node 22, or the last of 20
//	dovecot                                     Debian: dovecot-imapd, 2.3
//	chromium                                    Debian: chromium
//
// A program that is missing is a failure, never a skip. PocketBase and the example
// of zitadel/oidc come from their modules, oidc-provider from npm. By hand it is
//
//	cd oidc-provider && npm ci && OIDC_PORT=3000 OIDC_DIR=$(mktemp -d) node server.mjs
//
// and in front of it, with OIDC_ISSUER=http://127.0.0.1:3001 for the above:
//
//	authprober bank --in-front-of http://127.0.0.1:3000 --pass-host --listen 127.0.0.1:3001
//
// The package chart below it renders the Helm chart and the kustomizations, and
// wants no program but Go.
//
// The browser's tests leave a picture of every page in screenshots/, which git ignores:
// light, dark and as wide as a phone. Look at them after a change to the pages.
//
// E2E_AUTHPROBER names a released binary to test in place of one that is built
// from this checkout.
package e2e
