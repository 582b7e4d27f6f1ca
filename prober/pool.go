package prober

// A PoolStatus is how a pool of accounts stands at one moment.
type PoolStatus struct {
	Name string
	// How many accounts are in which state; together, all of the pool's.
	Free, Leased, Cooling, Quarantined int
	// Since the process began: logins are runs that leased an account, refusals
	// those of them that were refused without being meant to be.
	Logins, Refusals uint64
}
