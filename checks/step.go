package checks

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/jsonvalue"
	"github.com/authprober/authprober/checks/internal/strict"
	"github.com/authprober/authprober/prober"
)

// A Step is one action of a flow. Its exported fields are its settings; they
// are decoded strictly over the defaults that its constructor set. A kind of
// step is a type that implements Step, in a file of its own, and a line in
// kinds.
type Step interface {
	// Common returns the settings that steps of every kind have.
	Common() *StepSettings
	// Vet finds what is wrong with the settings, compiles their expressions and
	// notes mistakes in the scope. It uses no network.
	Vet(s *Scope)
	// Needs lists the captured names without which the step cannot begin.
	Needs(captured map[string]string) []string
	// Reasons lists why the action itself can fail, beside what is found in its
	// answer.
	Reasons() []prober.Reason
	// Run performs the action once and leaves the answer with the session. An
	// error made by Failf is the target's fault, any other ours. It returns
	// soon after ctx is done.
	Run(ctx context.Context, s *Session) error
	// Shown says what the action is in a few words that hold no secret, such as
	// "POST /v1/login".
	Shown() string
}

// A Verifier is a Step that knows by itself what a right answer is, such as that
// of a protocol. It needs no expect. Verify returns nil, or the failure; it is
// asked before the expectations, and not where the step is to be refused.
type Verifier interface {
	Step
	Verify(s *Session) error
}

// A conditional is a Step with conditions of its own on answers, compiled by its Vet.
type conditional interface {
	Step
	conditions() []*Expr
}

// A successor is a Step that goes on from the answer of the step before, and so is
// never a flow's first.
type successor interface {
	Step
	succeeds()
}

// kinds are the kinds of steps, by the key that tells them.
var kinds = map[string]func() Step{
	"authorize":                  func() Step { return &AuthorizeStep{} },
	"backchannel_authentication": func() Step { return &BackchannelAuthenticationStep{} },
	"coherence":                  func() Step { return &CoherenceStep{Fetch: defaultCopies} },
	"device_authorization":       func() Step { return &DeviceAuthorizationStep{} },
	"discovery":                  func() Step { return &DiscoveryStep{} },
	"follow":                     func() Step { return &FollowStep{MaxBody: defaultBodyLimit} },
	"introspect":                 func() Step { return &IntrospectStep{} },
	"jwks":                       func() Step { return &JWKSStep{} },
	"mail":                       newMailStep,
	"par":                        func() Step { return &PARStep{} },
	"request":                    func() Step { return &RequestStep{MaxBody: defaultBodyLimit} },
	"revoke":                     func() Step { return &RevokeStep{} },
	"submit":                     func() Step { return &SubmitStep{MaxBody: defaultBodyLimit} },
	"token":                      func() Step { return &TokenStep{} },
	"userinfo":                   func() Step { return &UserinfoStep{} },
}

// StepSettings are the settings that steps of every kind have.
type StepSettings struct {
	// Name identifies the step in metrics, logs and pages. It is unique within the flow.
	Name string `yaml:"name,required"`
	// If is a condition: where it is false the step is skipped.
	If Expr `yaml:"if"`
	// Let computes values before the action and keeps them under names, for this step and those that follow. They are secret unless shown.
	Let Captures `yaml:"let"`
	// Timeout of this step alone. The default is what is left of the run's timeout.
	Timeout Duration `yaml:"timeout"`
	// Poll repeats the action until its answer is the one waited for.
	Poll *PollSettings `yaml:"poll"`
	// Expect are conditions on the answer. The step fails where one of them is false or cannot be evaluated.
	Expect []Expr `yaml:"expect"`
	// Refuse makes this a must-be-refused step: the statuses with which the target has to refuse it. That it accepts is a fail-open.
	Refuse []int `yaml:"refuse"`
	// Within is for how long this must-be-refused step may be accepted, such as a token after it was revoked. It is asked again, over a connection of its own, until it is refused; how long that took is a metric, and acceptance is a fail-open only at the end of the time. The default is not at all.
	Within *WithinSettings `yaml:"within"`
	// SameAs says that the refusal must not differ from that of an earlier must-be-refused step, as those of an unknown user and of a wrong password must not.
	SameAs *SameAsSettings `yaml:"same_as"`
	// Repeat says whether a must-be-refused step that was accepted is asked for once more, over another connection, to tell how wide the door is open. The default is true; false is for what must not be done twice, such as a payment.
	Repeat *bool `yaml:"repeat"`
	// Negative says whether this must-be-refused step sends a wrong credential of the leased account, which an account in the pool has to be for. The default is whether it reads a field of the account other than its name, or a value that was kept of one.
	Negative *bool `yaml:"negative"`
	// Capture keeps values of the answer under names, for the steps that follow. They are secret unless shown.
	Capture Captures `yaml:"capture"`
	// Remember keeps values of the answer beyond the run, of the leased account: they are stored before the run goes on. The steps that follow and every flow of the pool read them as remembered.NAME, null where there is none yet, and how old they are as age.NAME.
	Remember Captures `yaml:"remember"`
	// Forget are names of what is remembered that the step uses up, such as a single-use refresh token: it is no longer stored when the step is sent. The run itself still has it.
	Forget []string `yaml:"forget"`
	// Counter counts one up and stores it before the step is sent, for codes and passkeys that are good once; read as remembered.NAME.
	Counter *Counter `yaml:"counter"`

	node *yaml.Node // where the step stands
}

// Common implements part of [Step] for the kinds that embed the settings.
func (c *StepSettings) Common() *StepSettings { return c }

// at is where a setting of the step stands, or else the step: only while it is vetted.
func (c *StepSettings) at(key string) *yaml.Node {
	if value := valueOf(c.node, key); value != nil {
		return value
	}
	return c.node
}

// A step is a Step within a compiled flow.
type step struct {
	Step
	*StepSettings
	ifNeeds  []string        // captured names that the condition reads
	needs    []string        // and those that the step reads beside
	usesTOTP bool            // its action sends a one-time code by the clock
	misses   bool            // an expression reads what may not be there
	usesCode bool            // it sends a one-time code, by the clock or a counter
	usesBody bool            // an expression reads the answer's body as JSON
	reads    *jsonvalue.Part // what expressions read of it
	compared bool            // a later step's refusal is compared with its own
	// credential says that its action sends what may be a credential of the account.
	credential bool
	use        *used // the ready check that it is of; nil for a step of the flow's own
	// judged are the expectations, those on the status first: what the status
	// says is the better reason.
	judged []*Expr
}

// DecodeYAML implements strict.Decoder: the kind is told by its key.
func (st *step) DecodeYAML(d *strict.Document, n *yaml.Node) {
	var found []string
	near, names := "", slices.Sorted(maps.Keys(kinds))
	for key := range d.Pairs(n) {
		if _, ok := kinds[key.Value]; ok {
			found = append(found, key.Value)
		}
		near = cmp.Or(near, strict.Nearest(key.Value, names))
	}
	switch {
	case n.Kind != yaml.MappingNode: // noted by Pairs
	case len(found) == 0:
		d.Errorf(n, "a step needs a key that tells its kind; the kinds are %s; or use, for a ready check%s", strings.Join(names, ", "), near)
	case len(found) > 1:
		d.Errorf(n, "a step has one kind, and this one has %v", found)
	default:
		st.Step = kinds[found[0]]()
		st.StepSettings = st.Step.Common()
		st.node = n
		d.Decode(n, st.Step)
	}
}
