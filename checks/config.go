package checks

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/checks/remember"
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
	// PauseHeader is the name of a header field with which a target asks for no runs
	// for so many seconds, an hour at the most; "" honours none.
	PauseHeader string
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
	// Remembered is where flows keep what lasts between runs; nil is memory that ends
	// with the configuration.
	Remembered *remember.Store
	// Shard is the share of the flows that is loaded, and of each pool's accounts; the
	// zero value is the whole of both. Flows of a group stay together, and so do those of
	// a pool that read what is remembered of its accounts.
	Shard accounts.Shard
	// AccountShare is the share of each pool's accounts that all shards of this instance's
	// location have; the zero value is the whole. No flow is dealt out by it.
	AccountShare accounts.Shard
	// MaxLogins limits the logins of all pools together; the zero value does not. A
	// schedule that could exceed it is a mistake.
	MaxLogins accounts.Limit
	// AnyPace says that the flows are run at another pace than that of their schedules,
	// and leaves out what only matters to these: whether a pool can give as many
	// logins as they ask for, and whether it has an account for each concurrent run.
	AnyPace bool
	// KeepBudget holds runs to the budgets of their flows as they begin: one too many
	// is missed. A schedule is held to it at load, and needs this only where it is not
	// kept.
	KeepBudget bool
	// Sample has what was sent and got kept, redacted, of the step that failed of each
	// run, and of all steps of one run in so many, the first among them; 0 keeps nothing.
	Sample int
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
	// Expansions are what the flows include with `use`, in the order of the files.
	Expansions []Expansion
	// Elsewhere names the flows of other shards, which are not loaded.
	Elsewhere []string
	// Remembers names the checks that keep something between runs.
	Remembers []string
	// Redactor knows every secret of the configuration.
	Redactor *secret.Redactor

	supply  map[*prober.Check]supply
	demands map[*prober.Check]func(time.Duration) Demand
	sources map[string]string // the flows' files, by the names of their checks
}

// Flow returns the file that a check was made of, for people: as it is written, and
// should a secret be spelled out in it, that is masked. It is "" for what is no
// check of a flow. It may be called by any goroutine.
func (c *Config) Flow(check string) string { return c.Redactor.Redact(c.sources[check]) }

// SameFile reports whether a check of that name is made of the same text in both, but for what
// it includes with `use`.
func (c *Config) SameFile(other *Config, check string) bool {
	return c.sources[check] == other.sources[check]
}

// A supply is what a check leases from.
type supply struct {
	pool *accounts.Pool
	need accounts.Need
}

// Supply returns the name of the pool that the check leases from, and how many
// logins a second that can give it in the long run if nobody else uses it, +Inf
// where nothing limits that. The name is "" for a check without accounts.
func (c *Config) Supply(check *prober.Check) (pool string, perSecond float64) {
	s, ok := c.supply[check]
	if !ok {
		return "", math.Inf(1)
	}
	return s.pool.Name(), s.pool.Capacity(s.need)
}

// Load reads flows and accounts from files and directories, and compiles them.
// It finds every mistake, not the first only: the error is of type [Mistakes].
// It uses no network. Files that change meanwhile are read again, all of them: what is
// loaded was there at one time.
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
			// One for each: a resolver gives what one look finds to all that wait for it, and
			// so a run would have what was true when another began.
			return (&net.Resolver{}).LookupNetIP(ctx, "ip", host)
		}
	}
	if options.Remembered == nil {
		options.Remembered = remember.NewMemory()
	}
	for range mostLoads {
		l := &loader{options: &options, flows: map[string]string{}, pools: map[string]*loadedPool{}, groups: map[string]*groupOfFlows{},
			redactor: secret.NewRedactor(), witness: witness{}}
		if c, err := l.load(paths); l.witness.stands(paths) {
			return c, err
		}
	}
	return nil, filesChange(paths)
}

// A loader is the state of one Load.
type loader struct {
	options  *Options          // the compiled flows keep them, and must not keep the loader
	flows    map[string]string // name -> file
	pools    map[string]*loadedPool
	groups   map[string]*groupOfFlows
	redactor *secret.Redactor
	mistakes Mistakes
	warnings Mistakes
	witness  witness

	elsewhere []string // flows of other shards
}

func (l *loader) load(paths []string) (*Config, error) {
	found, mistakes := files(paths)
	l.mistakes = mistakes
	var sources []*source
	for _, path := range found {
		l.witness.see(path)
		sources = append(sources, read(path))
	}
	sources = l.deal(sources)
	for _, src := range sources {
		if src.pools != nil {
			l.loadPools(src)
		}
	}
	l.noteRemembered(sources)
	var flows []*compiled
	var expansions []Expansion
	for _, src := range sources {
		if src.flow == nil {
			continue
		}
		included, err := src.expansions()
		if err != nil {
			return nil, err
		}
		expansions = append(expansions, included...)
		flows = append(flows, l.compileFlow(src))
	}
	l.vetBudgets()
	l.vetLogins()
	l.warnOfGroups()
	for _, src := range sources {
		l.mistakes = append(l.mistakes, src.doc.Mistakes...)
	}
	switch {
	case len(l.mistakes) > 0 || len(flows) > 0:
	case len(l.elsewhere) == 0:
		l.mistakes = noFlow(paths)
	default:
		l.warnings = append(l.warnings, Mistake{Message: fmt.Sprintf("the shard %s has none of the %d %s, and nothing to do",
			l.options.Shard, len(l.elsewhere), plural(len(l.elsewhere), "flow"))})
	}
	if err := l.mistakes.Err(); err != nil {
		return nil, err
	}
	c, err := l.config(flows)
	if err == nil {
		c.Expansions = expansions
	}
	return c, err
}

func (l *loader) config(flows []*compiled) (*Config, error) {
	c := &Config{Warnings: l.warnings.Sort(), Elsewhere: l.elsewhere, Redactor: l.redactor, supply: map[*prober.Check]supply{}, sources: map[string]string{},
		demands: map[*prober.Check]func(time.Duration) Demand{}}
	for _, f := range flows {
		f.redactor = l.redactor
		f.spare = l.spareOf(f)
		c.Checks = append(c.Checks, f.check)
		c.sources[f.check.Name] = f.source
		c.demands[f.check] = f.demand
		if len(f.remembered) > 0 {
			c.Remembers = append(c.Remembers, f.check.Name)
		}
		if f.pool != nil {
			c.supply[f.check] = supply{f.pool, f.need}
			f.resumes = !slices.ContainsFunc(slices.Collect(maps.Values(l.pools)), func(p *loadedPool) bool { return p.Pool == f.pool && p.logsIn })
		}
	}
	slices.Sort(c.Remembers)
	slices.SortFunc(c.Checks, func(a, b *prober.Check) int { return strings.Compare(a.Name, b.Name) })
	var pools []*accounts.Pool
	for _, name := range slices.Sorted(maps.Keys(l.pools)) {
		if pool := l.pools[name].Pool; pool != nil { // else its share is empty, and no flow wants it
			pools = append(pools, pool)
		}
	}
	var err error
	if c.Accounts, err = accounts.NewSet(pools...); err != nil {
		return nil, err
	}
	return c, c.Accounts.Limit(l.options.MaxLogins)
}

// secretOf looks a reference up and makes it known to the redactor.
func (l *loader) secretOf(src *source, ref *SecretRef) string {
	if ref.bad {
		return ""
	}
	if ref.File != "" {
		if path, err := secretPath(src.dir, ref.File, l.options.LookupEnv); err == nil {
			l.witness.see(path)
		}
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
