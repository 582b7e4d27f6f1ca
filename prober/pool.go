package prober

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
