// Package chart renders the Helm chart of deploy/helm as Helm does, and builds the
// kustomizations of deploy/kustomize as kustomize does. What comes out is decoded
// strictly into the types of Kubernetes and of the Prometheus operator, and held to
// what every installation has to be, whatever its values: each of the chart's ci
// folder. It needs no cluster and no program but Go.
package chart
