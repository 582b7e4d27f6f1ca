package accounts

import (
	"fmt"
	"math"
)

// A Kind says what the accounts of a pool may be used for. The zero value is
// [Positive].
type Kind string

const (
	Positive    Kind = "positive"    // right credentials only
	Negative    Kind = "negative"    // wrong ones too, by the bank's agreement
	Sacrificial Kind = "sacrificial" // wrong ones too, and losing the account is no harm
)

// Kinds lists every kind.
var Kinds = []Kind{Positive, Negative, Sacrificial}

// MayFail reports whether an account of the kind may be sent a wrong credential.
func (k Kind) MayFail() bool { return k == Negative || k == Sacrificial }

// MostAttempts is what no number of attempts in a row of such a pool exceeds. The wrong
// credential of a [Negative] pool may be the one before them, where the login that
// should have come after it was the first to be refused.
func (k Kind) MostAttempts() int {
	if k == Negative {
		return MostAttempts - 1
	}
	return MostAttempts
}

// A Use is what a run uses up of an account, or may use up in a day, beside a
// login.
type Use struct {
	Codes    int `json:"codes,omitzero"`    // one-time codes that are sent, or that the bank is made to deliver
	Mails    int `json:"mails,omitzero"`    // mails that the bank is made to send
	Negative int `json:"negative,omitzero"` // wrong credentials that are sent on purpose
}

// budgets are the names that metrics have for the parts of a Use.
var budgets = [...]string{"codes", "mails", "negative"}

// parts are those of the Use, in the order of budgets.
func (u Use) parts() [len(budgets)]int { return [...]int{u.Codes, u.Mails, u.Negative} }

func (u Use) plus(other Use) Use {
	return Use{u.Codes + other.Codes, u.Mails + other.Mails, u.Negative + other.Negative}
}

// fits reports whether need is to be had beside what is used already, by a cap
// whose zeros are no limit.
func (u Use) fits(need, most Use) bool {
	used, wanted := u.parts(), need.parts()
	for i, limit := range most.parts() {
		if limit > 0 && wanted[i] > 0 && used[i]+wanted[i] > limit {
			return false
		}
	}
	return true
}

const (
	// DefaultAttempts is how many logins in a row may be refused, or have an end
	// that nobody knows, before an account is left alone.
	DefaultAttempts = 2
	// MostAttempts is what no setting exceeds: one less than the five after which
	// a bank has to lock an account, by Art. 4(3)(b) of the Delegated Regulation
	// (EU) 2018/389.
	MostAttempts = 4
	// mostADay bounds a daily cap.
	mostADay = 1_000_000
)

// Rules are what protects the accounts of a pool, beside their [Limit]. The zero
// value is a positive pool with the default numbers of attempts and no caps.
type Rules struct {
	Kind Kind
	// PoolLogins limits the logins of all accounts together, as [Limit] does those
	// of one.
	PoolLogins Limit
	// AccountDay and PoolDay are the most that one account, and all of them
	// together, may use in a day of UTC; a zero is no limit.
	AccountDay, PoolDay Use
	// Attempts is how many logins in a row may go by without one that was
	// accepted, before an account is in quarantine: 1 to [Kind.MostAttempts], and 0 is
	// [DefaultAttempts].
	Attempts int
	// OutageAttempts is the same while the bank refuses most accounts: Attempts
	// to [Kind.MostAttempts], and 0 is that.
	OutageAttempts int
}

func (r Rules) withDefaults() Rules {
	if r.Kind == "" {
		r.Kind = Positive
	}
	if r.Attempts == 0 {
		r.Attempts = DefaultAttempts
	}
	if r.OutageAttempts == 0 {
		r.OutageAttempts = r.Kind.MostAttempts()
	}
	return r
}

func (r Rules) check() error {
	if err := r.PoolLogins.check(); err != nil {
		return fmt.Errorf("of all accounts: %w", err)
	}
	for _, most := range []Use{r.AccountDay, r.PoolDay} {
		for i, n := range most.parts() {
			if n < 0 || n > mostADay {
				return fmt.Errorf("%d %s a day, want 1 to %d", n, budgets[i], mostADay)
			}
		}
	}
	switch most := r.Kind.MostAttempts(); {
	case r.Attempts < 1 || r.Attempts > most:
		return fmt.Errorf("%d attempts in a row, want 1 to %d", r.Attempts, most)
	case r.OutageAttempts < r.Attempts || r.OutageAttempts > most:
		return fmt.Errorf("%d attempts in a row in an outage, want %d to %d", r.OutageAttempts, r.Attempts, most)
	}
	return nil
}

// perDay is how many runs a day the caps allow that each need so much, of a pool
// of so many accounts; +Inf where nothing limits it.
func (r Rules) perDay(need Use, accounts int) float64 {
	can := math.Inf(1)
	each, all := r.AccountDay.parts(), r.PoolDay.parts()
	for i, n := range need.parts() {
		if n > 0 && each[i] > 0 { // each account by itself: what is left of one is no good to another
			can = min(can, float64(each[i]/n*accounts))
		}
		if n > 0 && all[i] > 0 {
			can = min(can, float64(all[i]/n))
		}
	}
	return can
}
