package main

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/spf13/cobra"

	"github.com/authprober/authprober/checks/banktest"
)

// serveProxy stands before somebody else's server until it is interrupted.
func (f *bankFlags) serveProxy(cmd *cobra.Command, w io.Writer) error {
	if err := f.checkProxy(cmd); err != nil {
		return misconfigured(err)
	}
	faults, err := f.parseFaults()
	if err != nil {
		return misconfigured(err)
	}
	proxy, err := banktest.NewProxy(f.inFrontOf, banktest.ProxyOptions{
		Seed: f.seed, Listen: f.listen, PassHost: f.passHost, Faults: faults,
	})
	if in := (*net.OpError)(nil); errors.As(err, &in) {
		return err // the address is in use
	} else if err != nil {
		return misconfigured(err)
	}
	defer proxy.Close()
	greetProxy(w, proxy, f.inFrontOf)
	return proxy.Wait(cmd.Context())
}

// checkProxy refuses what goes with a bank alone.
func (f *bankFlags) checkProxy(cmd *cobra.Command) error {
	if f.inFrontOf == "" {
		return errors.New("--pass-host goes with --in-front-of")
	}
	for _, name := range []string{"users", "backends", "accounts-file"} {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s is a bank's, and --in-front-of makes a proxy", name)
		}
	}
	return f.checkListen()
}

func greetProxy(w io.Writer, proxy *banktest.Proxy, target string) {
	fmt.Fprintf(w, "proxy in front of %s at %s\n", target, proxy.URL)
	for _, fault := range proxy.Faults() {
		fmt.Fprintf(w, "  fault %s: %s\n", fault.ID, fault)
	}
	fmt.Fprintf(w, `  break it: curl -d 'path=/oauth/token method=POST rate=3%% kind=status' %[1]s/-/faults
  repair:   curl -X DELETE %[1]s/-/faults
  look:     curl %[1]s/-/stats
`, proxy.URL)
}
