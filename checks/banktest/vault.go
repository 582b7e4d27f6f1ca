package banktest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"sync"
	"time"
)

// How many of each one customer may have: the oldest makes room for one more.
// With the expiry of everything they bound the memory of a bank.
const (
	maxSessions   = 1000
	maxChallenges = 1000
)

// A vault knows the customers and what they hold: challenges, sessions,
// locks. It decides, and takes the time as an argument.
type vault struct {
	options   Options
	tokenKey  []byte
	issuer    *issuer           // of the tokens that are JWTs
	nobody    [sha256.Size]byte // the password hash of unknown users: matched by nothing
	customers []*customer
	byName    map[string]*customer

	mu         sync.Mutex
	challenges map[string]*challenge
	devices    map[string]*device
	sessions   map[sessionID]*session
	seen       map[string]time.Time // ids of proofs and assertions
	// authorizations are those of OAuth under way, by the name of a page or a code.
	authorizations map[string]*authorization
	inOrder        []string                // their names
	ended          map[sessionID]time.Time // those that were logged out or revoked, for maxFaultDelay
	swept          time.Time
	unknownUsers   int64
	refreshes      int64
	reuses         int64
	revocations    int64
}

// A challenge is a login whose password was right and whose code is missing.
type challenge struct {
	id       string
	customer *customer
	backend  string // that issued it
	until    time.Time
}

func newVault(o Options, customers []*customer) (*vault, error) {
	issuer, err := newIssuer()
	if err != nil {
		return nil, err
	}
	v := &vault{
		options:    o,
		tokenKey:   randomBytes(32),
		issuer:     issuer,
		customers:  customers,
		byName:     make(map[string]*customer, len(customers)),
		challenges: map[string]*challenge{},
		devices:    map[string]*device{},
		sessions:   map[sessionID]*session{},
		seen:       map[string]time.Time{},

		authorizations: map[string]*authorization{},
		ended:          map[sessionID]time.Time{},
	}
	copy(v.nobody[:], randomBytes(len(v.nobody)))
	for _, c := range customers {
		v.byName[c.Username] = c
	}
	return v, nil
}

// password checks a password. It does the same work for known and unknown
// users; the hash is a plain one, for a bank of invented customers that must
// cost its users' benchmarks little.
func (v *vault) password(call *call, username, password string) (*customer, *refusal) {
	now := call.now
	given := sha256.Sum256([]byte(password))
	v.mu.Lock()
	defer v.mu.Unlock()
	c, want := v.byName[username], &v.nobody
	if c != nil {
		want = &c.passwordHash
	}
	right := subtle.ConstantTimeCompare(given[:], want[:]) == 1
	if c == nil {
		v.unknownUsers++
		return nil, call.refuseUnknown()
	}
	c.stats.Attempts++
	if call.flaws.lockout && !c.isLocked(now) {
		call.caught = KindLockout
		v.lock(c, now)
	}
	if c.isLocked(now) {
		c.stats.Refused++
		return nil, refuseLocked
	}
	if !right {
		return nil, v.wrong(c, &c.wrongPasswords, now, refuseCredentials)
	}
	c.wrongPasswords = 0
	return c, nil
}

// wrong counts a wrong password or code and returns why it, or just it, is
// refused. The caller holds mu.
func (v *vault) wrong(c *customer, inARow *int, now time.Time, why *refusal) *refusal {
	c.stats.Refused++
	*inARow++
	if *inARow < v.options.LockAfter {
		return why
	}
	v.lock(c, now)
	return refuseLocked
}

// lock locks an account. The caller holds mu.
func (v *vault) lock(c *customer, now time.Time) {
	c.locked, c.lockedUntil = true, time.Time{}
	if v.options.LockFor > 0 {
		c.lockedUntil = now.Add(v.options.LockFor)
	}
	c.stats.Lockouts++
}

func (c *customer) isLocked(now time.Time) bool {
	if c.locked && !c.lockedUntil.IsZero() && !now.Before(c.lockedUntil) {
		c.unlock()
	}
	return c.locked
}

func (c *customer) unlock() {
	c.locked, c.wrongPasswords, c.wrongCodes = false, 0, 0
}

// challenge begins a login, and returns what its second half must name.
func (v *vault) challenge(c *customer, backend string, now time.Time) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweep(now)
	if len(c.challenges) == maxChallenges {
		v.dropChallenge(c.challenges[0])
	}
	ch := &challenge{base64.RawURLEncoding.EncodeToString(randomBytes(16)), c, backend, now.Add(v.options.ChallengeFor)}
	v.challenges[ch.id] = ch
	c.challenges = append(c.challenges, ch)
	return ch.id
}

// redeem ends a login. The challenge is used up whatever becomes of it.
func (v *vault) redeem(c *call, id, code string, byCounter bool) (*customer, *refusal) {
	v.mu.Lock()
	defer v.mu.Unlock()
	ch := v.challenges[id]
	if ch == nil {
		return nil, refuseChallenge
	}
	v.dropChallenge(ch)
	who := ch.customer
	var why *refusal
	switch {
	case !c.now.Before(ch.until) || c.refusesForeign(ch.backend):
		who.stats.Refused++
		return nil, refuseChallenge
	case who.isLocked(c.now):
		who.stats.Refused++
		return nil, refuseLocked
	case byCounter:
		why = v.judgeHOTP(who, code, c.now)
	default:
		why = v.judgeTOTP(who, code, c.now, c.now.Add(c.skew))
	}
	if why != nil {
		return nil, why
	}
	who.wrongCodes = 0
	return who, nil
}

func (v *vault) dropChallenge(ch *challenge) {
	delete(v.challenges, ch.id)
	ch.customer.challenges = without(ch.customer.challenges, ch)
}

// without takes one element out of list, which holds it once; mostly the first.
func without[T comparable](list []T, one T) []T {
	i := slices.Index(list, one)
	return slices.Delete(list, i, i+1)
}

// sweep forgets what has expired, at most once a minute. The caller holds mu.
func (v *vault) sweep(now time.Time) {
	if since := now.Sub(v.swept); since >= 0 && since < time.Minute {
		return
	}
	v.sweepNow(now)
}

func (v *vault) sweepNow(now time.Time) {
	v.swept = now
	for _, ch := range v.challenges {
		if !now.Before(ch.until) {
			v.dropChallenge(ch)
		}
	}
	for _, s := range v.sessions {
		if !now.Before(s.refreshUntil) {
			v.end(s)
		}
	}
	for id, at := range v.ended {
		if now.Sub(at) >= maxFaultDelay {
			delete(v.ended, id)
		}
	}
}

// Unlock opens a locked account and forgets its wrong attempts. It reports
// whether there is such a customer.
func (b *Bank) Unlock(username string) bool {
	b.vault.mu.Lock()
	defer b.vault.mu.Unlock()
	c := b.vault.byName[username]
	if c != nil {
		c.unlock()
	}
	return c != nil
}
