package checks

import (
	"context"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authprober/authprober/checks/banktest"
	"github.com/authprober/authprober/prober"
)

// notOfTheBank are the flows of deploy/flows whose target is a bank, but that need more
// than the staging bank has: an inbox for mails, or for SMS.
var notOfTheBank = regexp.MustCompile(`IMAP_URL|SMS_URL`)

// galleryOfTheBank copies the flows of deploy/flows that the staging bank can serve into
// a folder, with a pool of its customers.
func galleryOfTheBank(t *testing.T, users []banktest.User) (dir string, flows int) {
	t.Helper()
	paths, err := filepath.Glob("../deploy/flows/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\ntarget: ${{ env.BANK_URL }}\n") || notOfTheBank.Match(text) {
			continue
		}
		flows++
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "pool.yaml"), []byte(poolOf(users)), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, flows
}

// An hour of the whole gallery against the staging bank, by the real prober and over
// real HTTP, on a clock of its own: healthy, then with hanging and with refused logins,
// with codes judged by a clock that is off, with an outage, and healthy again. No account
// is locked, and every due time is accounted for.
func TestAnHourOfTheGalleryLocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bank, err := banktest.New(banktest.Options{Users: 100})
		if err != nil {
			t.Fatal(err)
		}
		dir, flows := galleryOfTheBank(t, bank.Users())
		network := newPipes()
		server := &http.Server{Handler: bank, ConnContext: bank.ConnContext, ErrorLog: log.New(io.Discard, "", 0)}
		var serving, running sync.WaitGroup
		serving.Go(func() { _ = server.Serve(network) })
		c, err := Load([]string{dir}, Options{Dial: network.dial, AllowEnv: []string{"BANK_URL"}, LookupEnv: func(name string) (string, bool) {
			v, ok := map[string]string{"BANK_URL": "http://192.0.2.1", "BANK_CLIENT_SECRET": banktest.ClientSecret}[name]
			return v, ok
		}})
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Checks) != flows || flows < 5 {
			t.Fatalf("%d flows were loaded of %d", len(c.Checks), flows)
		}
		judge, err := prober.NewJudge(c.Checks)
		if err != nil {
			t.Fatal(err)
		}
		p, err := prober.New(prober.Options{Checks: c.Checks, Observers: []prober.Observer{judge}})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		ctx, cancel := context.WithDeadline(t.Context(), begun.Add(time.Hour))
		defer cancel()
		running.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		for _, phase := range []struct {
			until  time.Duration
			faults []string
		}{
			{10 * time.Minute, nil},
			{20 * time.Minute, []string{"step=login rate=20% kind=hang", "step=otp backend=b3 kind=status status=503", "step=otp rate=10% kind=reset after=10"}},
			{26 * time.Minute, []string{"step=login kind=status status=401"}},
			{32 * time.Minute, []string{"step=otp kind=clock_skew by=-5m"}},
			{40 * time.Minute, []string{"kind=status status=503"}},
			{46 * time.Minute, []string{"step=login kind=account_limit limit=1 per=30s", "kind=ip_limit limit=20 per=1m"}},
			{time.Hour, nil},
		} {
			var faults []banktest.Fault
			for _, text := range phase.faults {
				f, err := banktest.ParseFault(text)
				if err != nil {
					t.Fatal(err)
				}
				faults = append(faults, f)
			}
			if err := bank.SetFaults(faults...); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(begun.Add(phase.until)))
			for _, s := range judge.All(time.Now()) {
				if phase.until == 10*time.Minute && (s.Counts.Failed+s.Counts.Errored > 0) {
					t.Errorf("%s in health: %+v, the last that failed %+v", s.Check.Name, s.Counts, lastStep(s.LastFailed))
				}
			}
		}
		running.Wait()
		_ = server.Close()
		network.Close()
		serving.Wait()
		synctest.Wait()

		stats, failed := bank.Stats(), uint64(0)
		if stats.Total.Lockouts != 0 {
			t.Errorf("%d accounts are locked: %+v", stats.Total.Lockouts, stats.Total)
		}
		for _, s := range judge.All(time.Now()) {
			failed += s.Counts.Failed
			every := s.Check.Schedule.Every
			first := s.Check.Schedule.Offset(s.Check.Name)
			want := uint64((time.Hour - first + every - 1) / every) // those before the end
			if got := s.Counts.Due() - s.Confirmed; got != want {
				t.Errorf("%s: %+v are %d due times, want %d", s.Check.Name, s.Counts, got, want)
			}
			t.Logf("%-16s %+v", s.Check.Name, s.Counts)
		}
		if failed < 50 || stats.Total.Logins < 100 {
			t.Errorf("%d runs failed, and %d logins were made: it shows nothing", failed, stats.Total.Logins)
		}
	})
}

// lastStep is what failed of a run.
func lastStep(r *prober.Run) *prober.StepResult {
	if r == nil {
		return nil
	}
	return r.FailedStep()
}
