package prober

import "time"

// A PoolStatus is how a pool of accounts stands at one moment.
type PoolStatus struct {
	Name string
	// How many accounts are in which state; together, all of the pool's.
	Free, Leased, Cooling, Quarantined int
	// Since the process began: logins are runs that leased an account, refusals
	// those of them that were refused without being meant to be.
	Logins, Refusals uint64
	// Budgets are what is left of what the pool may use in a day; those without a
	// cap are missing.
	Budgets []Budget
}

// A Budget is what is left of one thing that may be used so often a day.
type Budget struct {
	Name string // "codes", "mails" or "negative"
	Left int
}

// An AccountStatus is how one account stands. It has the account's name and nothing else
// of it.
type AccountStatus struct {
	Pool, Name string
	State      AccountState
	// Why the account is left alone, since when, and until when if it rests; "" and zero
	// where it is not.
	Why          string
	Since, Until time.Time
	// Refusals are all that were not meant to be, of earlier processes too where there is
	// a state folder, and Logins those of today, the day of UTC.
	Refusals uint64
	Logins   int
	// Budgets are what the account has left today; those without a cap are missing.
	Budgets []Budget
}

// An AccountState is a state of an account. The list is closed.
type AccountState string

const (
	AccountQuarantined AccountState = "quarantined" // left alone until somebody releases it
	AccountResting     AccountState = "resting"     // left alone for a while
	AccountLeased      AccountState = "leased"
	AccountCooling     AccountState = "cooling" // between logins, or its budget is used up
	AccountFree        AccountState = "free"
)
