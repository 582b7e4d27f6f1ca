package checks

import (
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/strict"
)

// A Flow is the file an operator writes: what a check does and how it is
// judged. See the package comment for the language as a whole.
type Flow struct {
	// Name identifies the check everywhere: lower-case letters, digits and hyphens.
	Name string `yaml:"name,required"`
	// About says in a sentence what the flow does, for people.
	About string `yaml:"about"`
	// Target is the URL that the paths of the requests are put after; expressions may read env.
	Target Template `yaml:"target,required"`
	// Origins are those that a run may go to beside the target's, such as https://login.bank.example: by requests with a whole URL, redirects, forms, metadata and links in mails. Those of the clients' issuers and endpoints need no mention. Expressions may read env.
	Origins []Template `yaml:"origins"`
	// Environment is what the flow runs against: production, staging or test. One against production needs authorised_by and a budget. It is a label wherever labels are seen.
	Environment string `yaml:"environment"`
	// AuthorisedBy says who agreed to the flow being run, in words or as a ticket; it is shown by check, plan and the status page.
	AuthorisedBy string `yaml:"authorised_by"`
	// Budget is the most that the flow may ask of its target. A schedule that could exceed it is a mistake.
	Budget BudgetSettings `yaml:"budget"`
	// Schedule says when the flow runs.
	Schedule ScheduleSettings `yaml:"schedule"`
	// Accounts names the pool of which each run leases an account.
	Accounts string `yaml:"accounts"`
	// Locked are conditions on the answer to a step that failed, which say that its account is locked, beside 423 and the usual error codes: it is left alone at once.
	Locked []Expr `yaml:"locked"`
	// Objective says what failure rate is worth a page.
	Objective ObjectiveSettings `yaml:"objective"`
	// Thresholds are plain limits on the failure ratio, beside the objective.
	Thresholds []ThresholdSettings `yaml:"thresholds"`
	// Labels route a page: team, severity and the like.
	Labels Labels `yaml:"labels"`
	// Tags are facts of each answer with few values, to blame later: expressions over the answer.
	Tags Tags `yaml:"tags"`
	// Secrets are values every run uses, such as a client secret; expressions read them as secrets.NAME.
	Secrets SecretRefs `yaml:"secrets"`
	// TLS is how the target's certificate is verified, where the system's authorities do not, and the client's own certificate.
	TLS TLSSettings `yaml:"tls"`
	// Clients are the OAuth 2.0 clients that the steps discovery, par, authorize, token and their like use, by name.
	Clients Clients `yaml:"clients"`
	// Steps are performed in order, until one fails.
	Steps Steps `yaml:"steps,required"`
	// Cleanup are steps that give back what the run has taken: after success, failure, timeout and shutdown. A step whose captured values are missing is skipped. They never change the outcome.
	Cleanup Steps `yaml:"cleanup"`
}

// ScheduleSettings say when a flow runs.
type ScheduleSettings struct {
	// Every is the time between runs. The default is 10s.
	Every Duration `yaml:"every"`
	// Timeout is the time a run has, without its clean-up. The default is 8s, or four fifths of every × concurrency if that is less.
	Timeout Duration `yaml:"timeout"`
	// Cleanup is the time the clean-up has. The default is 5s.
	Cleanup Duration `yaml:"cleanup"`
	// Concurrency is the most runs at once. The default is 1.
	Concurrency int `yaml:"concurrency"`
	// Confirm is the time between runs while there is evidence to confirm; shorter than every. It speeds up a page and the recovery from it, and is the opposite of a retry: no failure is thrown away. The default is 0s, which never confirms.
	Confirm Duration `yaml:"confirm"`
	// ConfirmBudget is the most confirming runs in any 24 hours, as a share of the runs of the schedule. The default is 10%.
	ConfirmBudget Ratio `yaml:"confirm_budget"`
}

// BudgetSettings are the most that a flow may ask of its target, whatever happens.
type BudgetSettings struct {
	// Requests is how many requests may be sent, such as 5000 per hour: those of redirects, polls, clean-up and confirming runs are among them.
	Requests Frequency `yaml:"requests"`
	// Logins is how often accounts may log in, such as 400 per hour.
	Logins Frequency `yaml:"logins"`
}

// ObjectiveSettings say what failure rate is worth a page.
type ObjectiveSettings struct {
	// Tolerate is the background failure rate that is nobody's problem. The default is 0.1%.
	Tolerate Ratio `yaml:"tolerate"`
	// Detect is the smallest failure rate worth a page. The default is 2%.
	Detect Ratio `yaml:"detect"`
	// FalsePages is how often a healthy check may page. The default is 1 per 30d.
	FalsePages Frequency `yaml:"false_pages"`
	// Blip is the length of a burst of failures that counts once. The default is 30s; 0s counts every failure.
	Blip Duration `yaml:"blip"`
	// Group is a name; the flows that share it pool their runs into one more detector, named group:NAME, which sees enough sooner. Their objectives are the same.
	Group string `yaml:"group"`
}

// ThresholdSettings are a plain limit on the failure ratio.
type ThresholdSettings struct {
	// Ratio above which the limit is exceeded.
	Ratio Ratio `yaml:"ratio,required"`
	// Window over which the ratio is taken: 5m, 15m, 1h, 6h or 24h.
	Window Duration `yaml:"window,required"`
	// MinRuns is how many counted runs the window must hold. The default is 20.
	MinRuns int `yaml:"min_runs"`
	// Severity is the severity of the page, such as page or ticket. The default is ticket.
	Severity string `yaml:"severity"`

	node *yaml.Node
}

// DecodeYAML implements strict.Decoder: it keeps the place for later mistakes.
func (t *ThresholdSettings) DecodeYAML(d *strict.Document, n *yaml.Node) {
	type plain ThresholdSettings
	p := plain{MinRuns: 20, Severity: "ticket"}
	d.Decode(n, &p)
	*t = ThresholdSettings(p)
	t.node = n
}

// TLSSettings say how the target's certificate is verified, and with which certificate the client shows who it is.
type TLSSettings struct {
	// CA is a file of certificates in PEM, trusted in place of the system's.
	CA string `yaml:"ca"`
	// ServerName is the name the certificate has to have, in place of the target's.
	ServerName string `yaml:"server_name"`
	// Certificate is the client's certificate, with its chain, in PEM: that of the flow or of an account. It is shown to whoever asks for one.
	Certificate Template `yaml:"certificate"`
	// Key is the private key of the client's certificate, in PEM.
	Key Template `yaml:"key"`
}

// Labels are names with values, in the order of the file.
type Labels []Label

// A Label is a name with a value, as Prometheus has them.
type Label struct {
	Name, Value string
	node        *yaml.Node
}

// DecodeYAML implements strict.Decoder.
func (l *Labels) DecodeYAML(d *strict.Document, n *yaml.Node) {
	for key, value := range d.Pairs(n) {
		if text, ok := d.Text(value); ok {
			*l = append(*l, Label{key.Value, text, key})
		}
	}
}

// Tags are named expressions over each answer, in the order of the file.
type Tags []Tag

// A Tag is a fact of an answer.
type Tag struct {
	name string
	expr Expr
	*tagValues
}

// DecodeYAML implements strict.Decoder.
func (t *Tags) DecodeYAML(d *strict.Document, n *yaml.Node) {
	for key, value := range d.Pairs(n) {
		one := Tag{name: key.Value, tagValues: &tagValues{}}
		d.Decode(value, &one.expr)
		if !labelName.MatchString(key.Value) {
			d.Errorf(key, "%q is no name for a tag; want letters, digits and _, beginning with a letter", key.Value)
			continue
		}
		*t = append(*t, one)
	}
}

// SecretRefs are named references, in the order of the file.
type SecretRefs []NamedSecret

// A NamedSecret is a reference with its name.
type NamedSecret struct {
	Name string
	Ref  SecretRef
}

// DecodeYAML implements strict.Decoder.
func (r *SecretRefs) DecodeYAML(d *strict.Document, n *yaml.Node) {
	for key, value := range d.Pairs(n) {
		one := NamedSecret{Name: key.Value}
		d.Decode(value, &one.Ref)
		if !identifier.MatchString(key.Value) {
			d.Errorf(key, "%q is no name for a value; want letters, digits and _, beginning with a letter", key.Value)
			continue
		}
		*r = append(*r, one)
	}
}

// AccountsFile is the file that names the test customers.
type AccountsFile struct {
	// Pools are the pools of accounts, by name.
	Pools Pools `yaml:"pools,required"`
}

// Pools are the pools of a file, in its order.
type Pools []Pool

// A Pool is a set of test customers that are as good as one another.
type Pool struct {
	name string
	node *yaml.Node
	// Kind says what the accounts may be used for: positive is right credentials only, negative is wrong ones too, with the bank's agreement, sacrificial is for what may cost the account. The default is positive.
	Kind string `yaml:"kind"`
	// MaxLogins is how often one account may log in, such as 6 per minute. The default is no limit.
	MaxLogins Frequency `yaml:"max_logins"`
	// PoolLogins is how often all accounts of the pool together may log in, such as 60 per minute. The default is no limit.
	PoolLogins Frequency `yaml:"pool_logins"`
	// MaxCodes is the most one-time codes of one account a day of UTC, such as 20 per day: those sent with totp or counter, and those a step waits for with poll delivery. The default is no limit.
	MaxCodes Frequency `yaml:"max_codes"`
	// PoolCodes is the most one-time codes of all accounts together a day of UTC. The default is no limit.
	PoolCodes Frequency `yaml:"pool_codes"`
	// MaxMails is the most mails a day of UTC that the target is made to send for one account: one for each step of the kind mail. The default is no limit.
	MaxMails Frequency `yaml:"max_mails"`
	// PoolMails is the most mails of all accounts together a day of UTC. The default is no limit.
	PoolMails Frequency `yaml:"pool_mails"`
	// MaxNegative is the most wrong credentials a day of UTC that are sent of one account. The default is no limit.
	MaxNegative Frequency `yaml:"max_negative"`
	// PoolNegative is the most wrong credentials of all accounts together a day of UTC. The default is no limit.
	PoolNegative Frequency `yaml:"pool_negative"`
	// MaxBadAttempts is how many logins in a row may be refused without being meant to be, or be cut off by the end of the process, before the account is in quarantine: 1 to 4, of a negative pool to 3. The default is 2.
	MaxBadAttempts *int `yaml:"max_bad_attempts"`
	// MaxOutageAttempts is the same while the target refuses most of the accounts: max_bad_attempts to 4, of a negative pool to 3. The default is the most.
	MaxOutageAttempts *int `yaml:"max_outage_attempts"`
	// Accounts are the test customers.
	Accounts []Account `yaml:"accounts,required"`
}

// DecodeYAML implements strict.Decoder.
func (p *Pools) DecodeYAML(d *strict.Document, n *yaml.Node) {
	for key, value := range d.Pairs(n) {
		one := Pool{name: key.Value, node: key}
		d.Decode(value, &one)
		if !flowName.MatchString(key.Value) {
			d.Errorf(key, "%q is no name for a pool; want lower-case letters, digits and hyphens", key.Value)
			continue
		}
		*p = append(*p, one)
	}
}

// An Account is one test customer: a name that may be shown, and any other
// fields, each of them secret.
type Account struct {
	name   string
	fields SecretRefs
	node   *yaml.Node
}

// DecodeYAML implements strict.Decoder.
func (a *Account) DecodeYAML(d *strict.Document, n *yaml.Node) {
	a.node = n
	d.Decode(n, &a.fields)
	i := slices.IndexFunc(a.fields, func(f NamedSecret) bool { return f.Name == "name" })
	if i < 0 || a.fields[i].Ref.Text == "" {
		if n.Kind == yaml.MappingNode {
			d.Errorf(n, "an account needs a name, as text")
		}
		return
	}
	a.name = a.fields[i].Ref.Text
	a.fields = slices.Delete(a.fields, i, i+1)
}
