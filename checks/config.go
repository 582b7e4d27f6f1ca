package checks

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/types"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/internal/otp"
	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// Options are what a flow does not say about itself. The zero value is ready
// for use.
type Options struct {
	// UserAgent is sent with every request; "" is "authprober".
	UserAgent string
	// MarkerName and MarkerValue are a header field that marks every request as
	// synthetic; "" sends none.
	MarkerName, MarkerValue string
	// AllowEnv names the environment variables that expressions may read as
	// env.NAME. A variable that is not set is not in reach.
	AllowEnv []string
	// LookupEnv looks up environment variables; nil is os.LookupEnv.
	LookupEnv func(string) (string, bool)
	// Dial opens connections, to an address that is already resolved; nil is the
	// network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Resolve looks up the addresses of a host; nil asks the system.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// HostOf, unless nil, is told the host of each flow's target as it is loaded.
	HostOf func(check, host string)
}

func (o *Options) allowedEnv() map[string]string {
	allowed := map[string]string{}
	for _, name := range o.AllowEnv {
		if value, ok := o.LookupEnv(name); ok {
			allowed[name] = value
		}
	}
	return allowed
}

// A Config is a set of flows, compiled and ready to be run.
type Config struct {
	// Checks are the flows' checks, by name.
	Checks []*prober.Check
	// Accounts are the pools the flows lease from.
	Accounts *accounts.Set
	// Warnings are what works and is still not as it should be.
	Warnings []Mistake
	// Redactor knows every secret of the configuration.
	Redactor *secret.Redactor
}

// Load reads flows and accounts from files and directories, and compiles them.
// It finds every mistake, not the first only: the error is of type [Mistakes].
// It uses no network.
func Load(paths []string, options Options) (*Config, error) {
	if options.UserAgent == "" {
		options.UserAgent = "authprober"
	}
	if options.LookupEnv == nil {
		options.LookupEnv = os.LookupEnv
	}
	if options.Dial == nil {
		options.Dial = (&net.Dialer{}).DialContext
	}
	if options.Resolve == nil {
		options.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	l := &loader{options: &options, flows: map[string]string{}, pools: map[string]*loadedPool{}, redactor: secret.NewRedactor()}
	return l.load(paths)
}

// A loader is the state of one Load.
type loader struct {
	options  *Options          // the compiled flows keep them, and must not keep the loader
	flows    map[string]string // name -> file
	pools    map[string]*loadedPool
	redactor *secret.Redactor
	mistakes Mistakes
	warnings Mistakes
}

// A loadedPool is a pool with its secrets looked up.
type loadedPool struct {
	*accounts.Pool
	src    *source
	set    *Pool
	vars   map[string]map[string]any // account -> field -> value
	fields types.Map                 // those that every account has
	need   accounts.Need             // the strictest of its users
	used   float64                   // runs a second that lease from it
	users  []string                  // flows that use it
}

func (l *loader) load(paths []string) (*Config, error) {
	found, mistakes := files(paths)
	l.mistakes = mistakes
	var sources []*source
	for _, path := range found {
		sources = append(sources, read(path))
	}
	for _, src := range sources {
		if src.pools != nil {
			l.loadPools(src)
		}
	}
	var flows []*compiled
	for _, src := range sources {
		if src.flow != nil {
			flows = append(flows, l.compileFlow(src))
		}
	}
	l.vetBudgets()
	for _, src := range sources {
		l.mistakes = append(l.mistakes, src.doc.Mistakes...)
	}
	if len(l.mistakes) == 0 && len(flows) == 0 {
		l.mistakes = Mistakes{{File: fmt.Sprint(paths), Message: "no flow here; a flow has a name, a target and steps"}}
	}
	if err := l.mistakes.Err(); err != nil {
		return nil, err
	}
	return l.config(flows)
}

func (l *loader) config(flows []*compiled) (*Config, error) {
	c := &Config{Warnings: l.warnings.Sort(), Redactor: l.redactor}
	for _, f := range flows {
		f.redactor = l.redactor
		c.Checks = append(c.Checks, f.check)
	}
	slices.SortFunc(c.Checks, func(a, b *prober.Check) int { return strings.Compare(a.Name, b.Name) })
	var pools []*accounts.Pool
	for _, name := range slices.Sorted(maps.Keys(l.pools)) {
		pools = append(pools, l.pools[name].Pool)
	}
	var err error
	c.Accounts, err = accounts.NewSet(pools...)
	return c, err
}

// secretOf looks a reference up and makes it known to the redactor.
func (l *loader) secretOf(src *source, ref *SecretRef) string {
	if ref.bad {
		return ""
	}
	value, warning, err := ref.read(src.dir, l.options.LookupEnv)
	if err != nil {
		src.doc.Errorf(ref.node, "%v", err)
		return ""
	}
	if warning != "" {
		l.warnings = append(l.warnings, Mistake{File: src.doc.File, Line: ref.node.Line, Column: ref.node.Column, Message: warning})
	}
	text := value.Reveal()
	l.redactor.Add(text)
	return text
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
	for i := range p.Accounts {
		a := &p.Accounts[i]
		if a.name == "" {
			continue
		}
		if _, ok := lp.vars[a.name]; ok {
			src.doc.Errorf(a.node, "two accounts are named %q", a.name)
			a.name = ""
			continue
		}
		vars := map[string]any{"name": a.name}
		fields := map[string]secret.Secret{}
		for j := range a.fields {
			text := l.secretOf(src, &a.fields[j].Ref)
			vars[a.fields[j].Name], fields[a.fields[j].Name] = text, secret.New(text)
		}
		lp.vars[a.name] = vars
		list = append(list, accounts.Account{Name: a.name, Fields: fields})
		lp.fields = common(lp.fields, vars)
	}
	pool, err := accounts.NewPool(p.name, accounts.Limit{Logins: p.MaxLogins.Count, Per: p.MaxLogins.Per}, list)
	if err != nil {
		src.doc.Errorf(p.node, "%v", err)
	}
	lp.Pool = pool
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
	f.pool, f.accountVars = p.Pool, p.vars
	s.account, s.names["account"] = p.fields, p.fields
	if n := f.check.Schedule.Concurrency; p.Pool != nil && n > p.Len() {
		src.mistake("schedule", "concurrency is %d, and the pool %q has %d accounts; a run leases one for itself", n, name, p.Len())
	}
	p.users = append(p.users, src.flow.Name)
	p.used += 1 / f.check.Schedule.Every.Seconds()
}

func (l *loader) scopeOfSecrets(src *source, f *compiled, s *Scope) {
	if len(src.flow.Secrets) == 0 {
		return
	}
	f.secrets = map[string]any{}
	for i := range src.flow.Secrets {
		one := &src.flow.Secrets[i]
		f.secrets[one.Name] = l.secretOf(src, &one.Ref)
	}
	s.secrets = stringFields(f.secrets)
	s.names["secrets"] = s.secrets
}

func (l *loader) env() map[string]any {
	env := map[string]any{}
	for name, value := range l.options.allowedEnv() {
		env[name] = value
	}
	return env
}

// vetTOTP tries the secrets that totp() will be given. A code is good once, so
// an account of such a flow logs in at most once in a step of the clock.
func (l *loader) vetTOTP(src *source, f *compiled, s *Scope) {
	codes := slices.ContainsFunc(slices.Concat(pointers(f.steps), pointers(f.cleanup)), func(st *step) bool { return st.usesTOTP })
	if !codes || f.pool == nil {
		return
	}
	f.need.OncePerStep = 30 * time.Second
	p := l.pools[src.flow.Accounts]
	p.need = f.need
	for field := range s.totp {
		for i := range p.set.Accounts {
			a := &p.set.Accounts[i]
			text, _ := p.vars[a.name][field].(string)
			if text == "" {
				continue // missing, and that is noted
			}
			if _, err := otp.DecodeSecret(text); err != nil {
				p.src.doc.Errorf(a.node, "the %s of account %q is no key for totp(): %v", field, a.name, err)
			}
		}
	}
}

// vetBudgets compares what the flows want of each pool with what it can give.
func (l *loader) vetBudgets() {
	for _, p := range l.pools {
		if p.used == 0 || p.Pool == nil {
			continue
		}
		if can := p.Capacity(p.need); p.used > can*(1+1e-9) {
			p.src.doc.Errorf(p.set.node, "the pool %q can give %s and is asked for %s by %v; "+
				"add accounts, raise max_logins or run less often", p.set.name, perMinute(can), perMinute(p.used), p.users)
		}
	}
}

func perMinute(perSecond float64) string {
	if perSecond < 1.0/60 {
		return fmt.Sprintf("%.3g logins an hour", perSecond*3600)
	}
	return fmt.Sprintf("%.3g logins a minute", perSecond*60)
}
