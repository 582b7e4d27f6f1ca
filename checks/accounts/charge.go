package accounts

import "time"

// Charge counts what the run is about to use up beside what it was leased the account
// for, such as one more wrong credential, and stores that. It reports false, and counts
// nothing, where a daily cap of the account or of its pool has not so much left. Send
// nothing before it has returned, and nothing at all where it is false or an error.
//
// A wrong credential counts as an attempt too, until the lease is released: where the
// process ends before that, nobody knows what the bank has counted.
func (l *Lease) Charge(now time.Time, more Use) (ok bool, err error) {
	if more == (Use{}) {
		return true, nil
	}
	r, ok := l.charge(now, more)
	book := l.ledger.records()
	if !ok || book == nil {
		return ok, nil
	}
	return true, book.Save(l.account.Name, r)
}

func (l *Lease) charge(now time.Time, more Use) (Record, bool) {
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	r, today := &l.state.record, dayOf(now)
	if l.released || !r.used(today).fits(more, l.pool.rules.AccountDay) || !l.pool.used(today).fits(more, l.pool.rules.PoolDay) {
		return Record{}, false
	}
	if !r.isOf(today) {
		r.Day, r.Logins, r.Used = today, 0, Use{}
	}
	r.Used = r.Used.plus(more)
	r.Attempts += more.Negative
	return *r, true
}
