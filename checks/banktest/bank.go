package banktest

import (
	"crypto/rand"
	"fmt"
	"log"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say what a bank is like. The zero value is a healthy bank of ten
// customers and five backends.
type Options struct {
	// Seed decides who the customers are, which connection meets which backend
	// and which requests meet a fault. Two banks of one seed that are asked the
	// same in the same order do the same. Tokens are random in any case.
	Seed uint64
	// Users is how many customers there are; 0 is 10, and more than 100,000 is
	// an error.
	Users int
	// Backends are the servers behind the address; none is five, called b1 to
	// b5, of release 1.0.0.
	Backends []Backend
	// Balance says what is given to a backend as a whole; the zero value is a
	// connection.
	Balance Balance
	// Faults are there from the beginning; see [Bank.SetFaults].
	Faults []Fault

	// ChallengeFor, AccessFor and RefreshFor are how long a challenge, an access
	// token and a refresh token live; 0 is 2 minutes, 15 minutes and 24 hours.
	// In answers they are rounded down to seconds.
	ChallengeFor, AccessFor, RefreshFor time.Duration
	// LockAfter is how many wrong passwords in a row, or wrong codes in a row,
	// lock an account; 0 is 5. LockFor is how long it stays locked; 0 is 15
	// minutes, and below 0 it is until [Bank.Unlock].
	LockAfter int
	LockFor   time.Duration
	// ReuseCodes accepts a code as often as it comes while it is current. It is
	// for measurements that log one customer in more often than twice a minute.
	ReuseCodes bool
	// PasswordOnly answers a right password with the tokens at once, as the code
	// step would.
	PasswordOnly bool
	// JWT makes the access tokens of /v1 signed JWTs (RFC 9068), whose keys are at
	// /.well-known/jwks.json. Otherwise they are opaque.
	JWT bool

	// Now is the bank's clock; nil is [time.Now]. The faults delay and hang, and
	// certificates, go by real time whatever it says.
	Now func() time.Time
	// Log is told of every request after its end, by several goroutines at once.
	// It may be nil.
	Log func(Access)
	// ErrorLog is where the HTTP servers report handshakes that did not work out
	// and the like; nil is the standard logger.
	ErrorLog *log.Logger
}

// A Bank is a mobile bank without a network: an [http.Handler] with customers,
// sessions and faults. [Bank.Start] and its relatives put it behind an
// address. All methods are safe for concurrent use.
type Bank struct {
	*faultSet
	options Options
	vault   *vault
	ledger  *ledger

	mu       sync.Mutex
	backends []Backend
	balancer *mathrand.Rand
}

// New returns a bank. An error says which option is wrong.
func New(o Options) (*Bank, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("bank: %w", err)
	}
	customers, err := newCustomers(o.Seed, o.Users)
	if err != nil {
		return nil, fmt.Errorf("bank: %w", err)
	}
	vault, err := newVault(o, customers)
	if err != nil {
		return nil, fmt.Errorf("bank: %w", err)
	}
	b := &Bank{
		options:  o,
		vault:    vault,
		ledger:   newLedger(),
		backends: slices.Clone(o.Backends),
		balancer: newRand(o.Seed, "balancer", 0),
	}
	b.faultSet = &faultSet{seed: o.Seed, check: b.checkFault}
	if err := b.SetFaults(o.Faults...); err != nil {
		return nil, fmt.Errorf("bank: %w", err)
	}
	return b, nil
}

func (o Options) withDefaults() Options {
	if o.Users == 0 {
		o.Users = 10
	}
	if len(o.Backends) == 0 {
		for i := range 5 {
			o.Backends = append(o.Backends, Backend{Name: fmt.Sprintf("b%d", i+1), Release: "1.0.0"})
		}
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.ChallengeFor, 2 * time.Minute}, {&o.AccessFor, 15 * time.Minute},
		{&o.RefreshFor, 24 * time.Hour}, {&o.LockFor, 15 * time.Minute},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if o.LockAfter == 0 {
		o.LockAfter = 5
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func (o Options) check() error {
	if o.Users < 0 || o.Users > 100_000 {
		return fmt.Errorf("%d users, want 1 to 100000", o.Users)
	}
	if o.LockAfter < 0 {
		return fmt.Errorf("accounts lock after %d attempts, want at least 1", o.LockAfter)
	}
	if o.Balance != PerConnection && o.Balance != PerRequest {
		return fmt.Errorf("unknown balance %d", o.Balance)
	}
	if o.ChallengeFor < time.Second || o.AccessFor < time.Second || o.RefreshFor < time.Second {
		return fmt.Errorf("challenges live for %v, access tokens for %v, refresh tokens for %v; want at least a second each",
			o.ChallengeFor, o.AccessFor, o.RefreshFor)
	}
	names := map[string]bool{}
	for _, backend := range o.Backends {
		if err := checkName("backend", backend.Name); err != nil {
			return err
		}
		if err := checkName("release", backend.Release); err != nil {
			return err
		}
		if names[backend.Name] {
			return fmt.Errorf("two backends are called %q", backend.Name)
		}
		names[backend.Name] = true
	}
	return nil
}

// checkName says whether name can be a backend's or a release's: it stands in
// headers, labels and the text form of faults without quotes.
func checkName(what, name string) error {
	const others = "._-+"
	bad := func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(others, c))
	}
	if name == "" || len(name) > 64 || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("%s name %q, want 1 to 64 of letters, digits and %s", what, name, others)
	}
	return nil
}

// now is the bank's clock.
func (b *Bank) now() time.Time { return b.options.Now() }

// randomBytes returns n bytes that nobody can guess.
func randomBytes(n int) []byte {
	p := make([]byte, n)
	rand.Read(p) // never fails: crypto/rand
	return p
}
