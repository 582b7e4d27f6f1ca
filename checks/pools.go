package checks

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/types"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober/detect"
)

// A loadedPool is a pool with its secrets looked up.
type loadedPool struct {
	*accounts.Pool
	src    *source
	set    *Pool
	vars   map[string]map[string]any // account -> field -> value
	fields types.Map                 // those that every account has
	need   accounts.Need             // the strictest of its users
	due    float64                   // runs a second that schedules have lease from it
	used   float64                   // the same with the confirming runs that budgets allow
	users  []string                  // flows that use it
	spare  *spare                    // nil until it is asked for
	uses   [3]float64                // codes, mails and wrong credentials a day
	logsIn bool                      // a flow of it sends credentials
	none   int                       // how many accounts there are, where the share has none of them

	remembered []string        // names of what its flows remember of an account
	counts     map[string]bool // whether such a name is a counter's
	secretly   map[string]bool // and whether its value is secret
}

func (l *loader) loadPools(src *source) {
	for i := range src.pools.Pools {
		p := &src.pools.Pools[i]
		if other, ok := l.pools[p.name]; ok {
			src.doc.Errorf(p.node, "two pools are named %q; the other one is at %s", p.name, inPosition(other.src.doc, other.set.node))
			continue
		}
		l.pools[p.name] = l.loadPool(src, p)
	}
}

func (l *loader) loadPool(src *source, p *Pool) *loadedPool {
	lp := &loadedPool{src: src, set: p, vars: map[string]map[string]any{}}
	var list []accounts.Account
	names := map[string]bool{}
	for i := range p.Accounts {
		a := &p.Accounts[i]
		if a.name == "" {
			continue
		}
		if names[a.name] {
			src.doc.Errorf(a.node, "two accounts are named %q", a.name)
			a.name = ""
			continue
		}
		names[a.name] = true
		fields := map[string]any{"name": a.name}
		for j := range a.fields {
			fields[a.fields[j].Name] = ""
		}
		lp.fields = common(lp.fields, fields)
		if !l.options.Shard.Owns(p.name, a.name) || !l.options.AccountShare.OwnsBeside(p.name, a.name) {
			continue // another instance has it, and its secrets
		}
		vars := map[string]any{"name": a.name}
		secrets := map[string]secret.Secret{}
		for j := range a.fields {
			text := l.secretOf(src, &a.fields[j].Ref)
			vars[a.fields[j].Name], secrets[a.fields[j].Name] = text, secret.New(text)
		}
		lp.vars[a.name] = vars
		list = append(list, accounts.Account{Name: a.name, Fields: secrets})
	}
	if len(list) == 0 && len(names) > 0 {
		lp.none = len(names)
		return lp
	}
	rules := p.rules(src.doc)
	pool, err := accounts.NewPool(p.name, accounts.Limit{Logins: p.MaxLogins.Count, Per: p.MaxLogins.Per}, list)
	if err == nil {
		err = pool.Protect(rules)
	}
	if err != nil {
		src.doc.Errorf(p.node, "%v", err)
		return lp
	}
	if lp.Pool = pool; l.options.Remembered.Durable() {
		pool.Keep(recordBook{l.options.Remembered, p.name}, time.Now())
	}
	return lp
}

// common keeps those fields that the account has too.
func common(fields types.Map, vars map[string]any) types.Map {
	if fields == nil {
		return stringFields(vars)
	}
	for name := range fields {
		if _, ok := vars[name]; !ok {
			delete(fields, name)
		}
	}
	return fields
}

// scopeOfAccounts brings the flow's pool into reach of its expressions.
func (l *loader) scopeOfAccounts(src *source, f *compiled, s *Scope) {
	name := src.flow.Accounts
	if name == "" {
		return
	}
	p, ok := l.pools[name]
	if !ok {
		src.mistake("accounts", "there is no pool of accounts named %q%s", name, strict.Nearest(name, slices.Collect(maps.Keys(l.pools))))
		s.account, s.names["account"] = types.Map{}, types.Any // so that one mistake stays one
		return
	}
	if p.none > 0 {
		p.src.doc.Errorf(p.set.node, "%s has none of the %d %s of the pool %q; want more accounts, other names or fewer shards",
			l.options.shareText(), p.none, plural(p.none, "account"), p.set.name)
		p.none = 0 // once is enough
	}
	f.pool, f.accountVars = p.Pool, p.vars
	s.account, s.names["account"] = p.fields, p.fields
	p.scopeOfMemory(f, s)
	if n := f.check.Schedule.Concurrency; p.Pool != nil && n > p.Len() && !l.options.AnyPace {
		src.mistake("schedule", "concurrency is %d, and the pool %q has %d %s; a run leases one for itself", n, name, p.Len(), plural(p.Len(), "account"))
	}
	p.users = append(p.users, src.flow.Name)
	perSecond := 1 / f.check.Schedule.Every.Seconds()
	p.due += perSecond
	p.used += perSecond * (1 + f.check.Schedule.ConfirmBudget)
}

// codeStep is the step of the clock that one-time codes are taken to have (RFC 6238
// section 5.2).
const codeStep = 30 * time.Second

// vetTOTP tells the pool of a flow that calls totp(). A code is good once, so an
// account of such a flow logs in at most once in a step of the clock. A flow that
// sends codes under a condition alone, as where no session is remembered, is told by
// the run whether it needs one.
func (l *loader) vetTOTP(src *source, f *compiled) {
	all := slices.Concat(pointers(f.steps), pointers(f.cleanup))
	codes := slices.ContainsFunc(all, func(st *step) bool { return st.usesTOTP })
	always := slices.ContainsFunc(all, func(st *step) bool { return st.usesTOTP && !st.If.isSet() })
	if codes {
		for _, t := range f.tags {
			if t.name == tagEdge {
				src.doc.Errorf(t.expr.node, "the tag %s is set by authprober itself: the flow calls totp; choose another name", tagEdge)
			}
		}
	}
	if !codes || f.pool == nil {
		return
	}
	p := l.pools[src.flow.Accounts]
	if f.mayCode = !always; always {
		f.need.OncePerStep = codeStep
		p.need = f.need
	}
	l.recallCodes(p)
}

// vetBudgets compares what the flows want of each pool with what it can give.
func (l *loader) vetBudgets() {
	if l.options.AnyPace {
		return
	}
	for _, p := range l.pools {
		if p.used == 0 || p.Pool == nil {
			continue
		}
		p.vetCaps()
		if can := p.Capacity(p.need); p.used > can*(1+1e-9) {
			p.src.doc.Errorf(p.set.node, "the pool %q can give %s and is asked for %s%s by %s; %s",
				p.set.name, logins(can), logins(p.used), p.confirming(), strings.Join(p.users, ", "), p.remedy())
		}
	}
}

// vetLogins compares what the flows want of all pools together with the limit of these.
func (l *loader) vetLogins() {
	limit := l.options.MaxLogins
	if l.options.AnyPace || limit.Logins == 0 {
		return
	}
	var used float64
	var names []string
	for name, p := range l.pools {
		if p.used > 0 {
			used, names = used+p.used, append(names, name)
		}
	}
	if can := float64(limit.Logins) / limit.Per.Seconds(); used > can*(1+1e-9) {
		slices.Sort(names)
		l.mistakes = append(l.mistakes, Mistake{Message: fmt.Sprintf("all checks together may make %s, and are to make up to %s, confirming runs among them, with the accounts of %s; run less often or raise the limit of all logins",
			logins(can), logins(used), strings.Join(names, ", "))})
	}
}

// confirming says how much of what a pool is asked for is for confirming runs.
func (p *loadedPool) confirming() string {
	if p.used <= p.due {
		return ""
	}
	return fmt.Sprintf(" (%s%% of them to confirm)", detect.Figures(100*(p.used-p.due)/p.used, 2))
}

// remedy says what helps a pool that is asked for too much.
func (p *loadedPool) remedy() string {
	less := " or run less often"
	if p.used > p.due {
		less = ", run less often or lower confirm_budget"
	}
	if step := p.need.OncePerStep; step > 0 && p.Capacity(accounts.Need{}) >= p.used {
		return fmt.Sprintf("a one-time code is good once in %s, so add accounts%s", step, less)
	}
	if p.Capacity(accounts.Need{}) < p.used && p.set.PoolLogins.Count > 0 {
		return "add accounts, raise max_logins or pool_logins" + less
	}
	return "add accounts, raise max_logins" + less
}

// logins writes a pace in the smallest unit of which there is at least one login.
func logins(perSecond float64) string {
	n, unit := perSecond*60, "a minute"
	if n < 1 {
		n, unit = n*60, "an hour"
	}
	if n < 1 {
		n, unit = n*24, "a day"
	}
	digits := 3
	if n >= 1000 {
		digits = 1 + int(math.Log10(n))
	}
	text := detect.Figures(n, digits)
	if text == "1" {
		return "1 login " + unit
	}
	return text + " logins " + unit
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
