package checks

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// defaultNegative is how many wrong credentials a day an account is sent where its
// pool does not say.
const defaultNegative = 2

// rules are the rules of a pool as it is written. What is wrong with them is noted.
func (p *Pool) rules(d *strict.Document) accounts.Rules {
	r := accounts.Rules{
		Kind:       accounts.Kind(p.Kind),
		PoolLogins: accounts.Limit{Logins: p.PoolLogins.Count, Per: p.PoolLogins.Per},
		AccountDay: accounts.Use{Codes: p.aDay(d, "max_codes", p.MaxCodes), Mails: p.aDay(d, "max_mails", p.MaxMails), Negative: p.aDay(d, "max_negative", p.MaxNegative)},
		PoolDay:    accounts.Use{Codes: p.aDay(d, "pool_codes", p.PoolCodes), Mails: p.aDay(d, "pool_mails", p.PoolMails), Negative: p.aDay(d, "pool_negative", p.PoolNegative)},
	}
	if p.Kind != "" && !slices.Contains(accounts.Kinds, r.Kind) {
		d.Errorf(p.node, "the kind of the pool %q is %q; want positive, negative or sacrificial", p.name, p.Kind)
	}
	if r.Kind == accounts.Negative && r.AccountDay.Negative == 0 {
		r.AccountDay.Negative = defaultNegative
	}
	r.Attempts = p.attempts(d, "max_bad_attempts", p.MaxBadAttempts, accounts.DefaultAttempts, 1)
	r.OutageAttempts = p.attempts(d, "max_outage_attempts", p.MaxOutageAttempts, r.Kind.MostAttempts(), r.Attempts)
	return r
}

// aDay is how many a daily cap allows; 0 where there is none.
func (p *Pool) aDay(d *strict.Document, key string, f Frequency) int {
	if f.Count != 0 && f.Per != 24*time.Hour {
		d.Errorf(p.node, "%s of the pool %q counts a day of the calendar; want one such as 20 per day", key, p.name)
	}
	return f.Count
}

func (p *Pool) attempts(d *strict.Document, key string, n *int, otherwise, least int) int {
	switch most := accounts.Kind(p.Kind).MostAttempts(); {
	case n == nil:
		return max(otherwise, least)
	case *n < least || *n > most:
		d.Errorf(p.node, "%s of the pool %q is %d, want %d to %d: a bank locks an account after five%s", key, p.name, *n, least, most, p.oneOfFive())
		return max(otherwise, least)
	}
	return *n
}

// oneOfFive says why a negative pool has an attempt less.
func (p *Pool) oneOfFive() string {
	if accounts.Kind(p.Kind) == accounts.Negative {
		return ", of which one may be a wrong credential sent on purpose"
	}
	return ""
}

// isNegative reports whether the step sends a wrong credential on purpose.
func (st *step) isNegative() bool {
	if len(st.Refuse) == 0 {
		return false
	}
	return st.Negative == nil && st.credential || st.Negative != nil && *st.Negative
}

// vetNegative holds the steps that send wrong credentials to what the pool is for.
func (l *loader) vetNegative(src *source, f *compiled) {
	p := l.pools[src.flow.Accounts]
	for _, st := range slices.Concat(pointers(f.steps), pointers(f.cleanup)) {
		switch {
		case st.StepSettings == nil:
		case st.Negative != nil && len(st.Refuse) == 0:
			src.doc.Errorf(st.node, "the step %q has negative and no refuse: only what must be refused is a wrong credential", st.Name)
		case !st.isNegative() || p == nil && src.flow.Accounts != "":
		case p == nil:
			src.doc.Errorf(st.node, "the step %q sends a wrong credential, and the flow has no accounts; want a pool of the kind negative", st.Name)
		case !accounts.Kind(p.set.Kind).MayFail():
			src.doc.Errorf(st.node, "the step %q must be refused and sends a credential of the account, and the pool %q is positive: "+
				"want a pool of the kind negative, which its owner has agreed to%s", st.Name, src.flow.Accounts, st.use.orHarmless())
		case accounts.Kind(p.set.Kind) == accounts.Negative && !f.between(st):
			src.doc.Errorf(st.node, "the step %q sends a wrong credential; want a login that is accepted before it, and one between it "+
				"and whatever wrong credential or end of the steps comes next, so that the target never counts two in a row", st.Name)
		}
	}
}

// between reports whether a wrong credential is between two right ones: steps that
// send one, that are not to be refused, and that no condition skips.
func (f *compiled) between(st *step) bool {
	all := pointers(f.steps)
	at := slices.Index(all, st)
	if at < 0 {
		return false // the clean-up has nothing after it that is sure to be done
	}
	good := func(one *step) bool {
		return one.StepSettings != nil && one.credential && len(one.Refuse) == 0 && !one.If.isSet()
	}
	bad := func(one *step) bool { return one.StepSettings != nil && one.isNegative() }
	after := slices.IndexFunc(all[at+1:], func(one *step) bool { return good(one) || bad(one) })
	return slices.ContainsFunc(all[:at], good) && after >= 0 && good(all[at+1+after])
}

// vetUse notes what the flow uses of its pool.
func (l *loader) vetUse(src *source, f *compiled) {
	p := l.pools[src.flow.Accounts]
	if p == nil {
		return
	}
	f.need.Use = f.useOf()
	aDay := (24 * time.Hour).Seconds() / f.check.Schedule.Every.Seconds() * (1 + f.check.Schedule.ConfirmBudget)
	for i, n := range []int{f.need.Use.Codes, f.need.Use.Mails, f.need.Use.Negative} {
		p.uses[i] += aDay * float64(n)
	}
	p.logsIn = p.logsIn || slices.ContainsFunc(f.steps, func(st step) bool { return st.credential && st.StepSettings != nil && len(st.Refuse) == 0 })
}

// useOf is what a run may use up at most.
func (f *compiled) useOf() (u accounts.Use) {
	for _, st := range slices.Concat(pointers(f.steps), pointers(f.cleanup)) {
		if st.StepSettings == nil {
			continue
		}
		asks := 1 // a repeat is charged when it is made, see [accounts.Lease.Charge]
		if st.Within != nil {
			asks = asksWithin(time.Duration(st.Within.Time))
		}
		if p := st.Poll; p != nil && p.Every > 0 {
			asks += int(p.For / p.Every)
		}
		if st.isNegative() {
			u.Negative += asks
		}
		switch {
		case st.isAside():
			u.Mails++
		case st.usesCode:
			u.Codes += asks
		case st.Poll != nil && st.Poll.Delivery:
			u.Codes++
		}
	}
	return u
}

// result says what a run has found out about its account. That it passed says that
// the account was accepted, where it has logged in: it might also have used a session
// that an earlier login has left, and the next login be refused all the same.
func (f *compiled) result(outcome prober.Outcome, r *prober.Report) accounts.Result {
	if outcome == prober.Passed {
		if f.resumes || f.loggedIn(r) {
			return accounts.Accepted
		}
		return accounts.Unclear
	}
	for i := range min(len(r.Steps), len(f.steps)) {
		if result := f.steps[i].result(&r.Steps[i]); result != accounts.Unclear {
			return result
		}
	}
	return accounts.Unclear
}

// loggedIn reports whether the run has sent a credential that was accepted.
func (f *compiled) loggedIn(r *prober.Report) bool {
	for i := range min(len(r.Steps), len(f.steps)) {
		if f.steps[i].credential && len(f.steps[i].Refuse) == 0 && !r.Steps[i].Skipped {
			return true
		}
	}
	return false
}

// result says whether the target has turned the account away in this step where it
// should not have. A 400 says so of a credential: as an OAuth error it is invalid_grant,
// RFC 6749 section 5.2.
func (st *step) result(r *prober.StepResult) accounts.Result {
	refusal := r.Reason == prober.ReasonStatus4xx || r.Reason == prober.ReasonOAuthError || r.Reason == prober.ReasonWrongRefusal ||
		(r.Reason == prober.ReasonReset || r.Reason == prober.ReasonTimeout) && st.turnsAway(r.Status) // its head came
	switch {
	case refusal && r.Status == http.StatusLocked:
		return accounts.Locked
	case !refusal || len(st.Refuse) > 0:
	case r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden || st.turnsAway(r.Status):
		return accounts.Refused
	}
	return accounts.Unclear
}

// turnsAway reports whether a status, to a step that sends a credential, is one that a
// target may count against the account.
func (st *step) turnsAway(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusLocked:
		return st.credential
	}
	return false
}

// vetCaps compares what the flows use in a day with the daily caps of their pools.
func (p *loadedPool) vetCaps() {
	rules := p.Rules()
	each, all, used := rules.AccountDay, rules.PoolDay, p.uses
	for _, c := range []struct {
		key        string
		each, pool int
		used       float64
	}{
		{"codes", each.Codes, all.Codes, used[0]}, {"mails", each.Mails, all.Mails, used[1]}, {"negative", each.Negative, all.Negative, used[2]},
	} {
		can, key := float64(c.each*p.Len()), "max_"+c.key
		if c.pool > 0 && (c.each == 0 || float64(c.pool) < can) {
			can, key = float64(c.pool), "pool_"+c.key
		}
		if can > 0 && c.used > can*(1+1e-9) {
			p.src.doc.Errorf(p.set.node, "the flows of the pool %q use up to %s a day of what %s limits to %.0f for %d %s; run less often, add accounts or raise it",
				p.set.name, figure(c.used), key, can, p.Len(), plural(p.Len(), "account"))
		}
	}
}

func figure(x float64) string { return fmt.Sprintf("%.4g", x) }
