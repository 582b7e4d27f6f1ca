package main

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/authprober/authprober/checks"
	"github.com/authprober/authprober/checks/banktest"
)

//go:embed demo/*.yaml
var demoFlows embed.FS

// What happens in the demo, and when.
const (
	demoSeed     = 2   // its draws are near the mean: 37 failures in the first 130 s, of 39 expected
	demoUsers    = 400 // a one-time code is good once in 30 s, and there are 10 logins a second
	demoBackends = 4

	demoOldRelease = "2026.11.2"
	demoNewRelease = "2026.11.3"
	demoBackend    = "b3" // gets the new release

	demoHealthy = 20 * time.Second // until then
)

// demoFaults are what is wrong with the new release: 12 % of its logins fail, 8 %
// by an error and 4 % by a page for browsers with the status of success. On one
// of four backends that is 3 % of all logins.
var demoFaults = []banktest.Fault{
	{Step: banktest.StepLogin, Release: demoNewRelease, Rate: 0.08, Kind: banktest.KindStatus, Status: 503},
	{Step: banktest.StepLogin, Release: demoNewRelease, Rate: 0.0435, Kind: banktest.KindHTML},
}

// demoFailureRate is the share of all logins that fails with the new release on
// one backend.
func demoFailureRate() float64 {
	works := 1.0
	for _, f := range demoFaults {
		works *= 1 - f.Rate
	}
	return (1 - works) / demoBackends
}

// startDemoBank starts a bank that is healthy until the release is deployed.
func startDemoBank() (*banktest.Server, error) {
	bank, err := banktest.New(banktest.Options{
		Seed: demoSeed, Users: demoUsers, Backends: backends(demoBackends, demoOldRelease), Faults: demoFaults,
	})
	if err != nil {
		return nil, err
	}
	return bank.Start()
}

// loadDemo compiles the demo's flows against a bank. They are files for a moment,
// as that is what flows are.
func loadDemo(bank *banktest.Server) (config *checks.Config, err error) {
	dir, err := os.MkdirTemp("", "authprober-demo-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the demo's flows: %w", err)
	}
	defer func() {
		if removed := os.RemoveAll(dir); err == nil {
			err = removed
		}
	}()
	if err := os.CopyFS(dir, demoFlows); err != nil {
		return nil, fmt.Errorf("writing the demo's flows: %w", err)
	}
	if err := writePoolFile(filepath.Join(dir, "accounts.yaml"), bank.Users()); err != nil {
		return nil, err
	}
	return checks.Load([]string{dir}, checks.Options{
		Sample:      sampleEvery,
		UserAgent:   settings{}.userAgent(),
		MarkerName:  "X-Synthetic-Probe",
		MarkerValue: "authprober",
		AllowEnv:    []string{"BANK_URL"},
		LookupEnv:   func(name string) (string, bool) { return bank.URL, name == "BANK_URL" },
	})
}
