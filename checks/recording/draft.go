package recording

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Options are what an author says about the flow. The zero value leaves
// everything to the recording.
type Options struct {
	// Name is the flow's; the default is the recording's title.
	Name string
	// Target is the host, with or without scheme and port, that the paths of the
	// requests belong to; the default is the one that most is sent to that has to
	// do with logging in.
	Target string
	// Pool names the pool of accounts; the default is the flow's name.
	Pool string
}

// A Draft is a first flow.
type Draft struct {
	// Flow is the flow, as YAML.
	Flow []byte
	// Accounts is an accounts file for the flow, as YAML; nil where it needs none.
	Accounts []byte
	// Env are the environment variables that flow and accounts name, sorted, and
	// AllowEnv those of them that expressions of the flow read.
	Env, AllowEnv []string
	// Steps, Captures and Decisions count what is in it; a decision is a comment
	// that begins with "decide:".
	Steps, Captures, Decisions int
}

// The most steps and bytes that a flow may have.
const (
	maxSteps = 200
	maxFlow  = 1 << 20
)

// Draft writes the flow. It fails where nothing of the recording can be a step,
// and where it cannot be written without a secret.
func (rec *Recording) Draft(o Options) (*Draft, error) {
	d := newDrafting(rec)
	if len(d.requests) == 0 {
		return nil, errors.New("nothing in it can be a step: " + d.droppedText())
	}
	d.trace()
	d.gather()
	if err := d.choose(o.Target); err != nil {
		return nil, err
	}
	d.choosePages()
	if len(d.steps) == 0 {
		return nil, errors.New("nothing in it has to do with the target " + d.printable(d.target))
	}
	if len(d.steps) > maxSteps {
		return nil, fmt.Errorf("it has %d requests that would be steps; a flow has at most %d: record a login and little more", len(d.steps), maxSteps)
	}
	d.learn()
	return d.write(o)
}

// choose sets the target.
func (d *drafting) choose(wanted string) error {
	score, number := map[string]int{}, map[string]int{}
	var origins []string
	for _, r := range d.requests {
		o := r.place.origin
		if !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
		score[o] += r.logins()
		number[o]++
	}
	if wanted != "" {
		for _, o := range origins {
			if p := (place{origin: o}); o == strings.TrimSuffix(wanted, "/") || p.host() == wanted || p.hostname() == wanted || o == "{{"+wanted+"}}" {
				d.target = o
				return nil
			}
		}
		return fmt.Errorf("nothing is sent to %q; the hosts are %s", wanted, strings.Join(origins, ", "))
	}
	d.target = slices.MaxFunc(origins, func(a, b string) int {
		if score[a] != score[b] {
			return score[a] - score[b]
		}
		return number[a] - number[b]
	})
	return nil
}

// choosePages decides what is a step: what is sent to the target, but for pages,
// what is about logging in on other hosts, and whatever a step needs a value of.
func (d *drafting) choosePages() {
	for _, r := range d.requests {
		chosen := d.rec.Variables // a collection was put together by hand
		r.kept = chosen || !r.isPage() && (r.place.origin == d.target || r.logins() >= 3)
	}
	for i := len(d.requests) - 1; i >= 0; i-- {
		r := d.requests[i]
		if !r.kept {
			continue
		}
		r.leaves(func(_, value string) {
			for _, p := range pieces(value) {
				if s, ok := d.source(p, r); ok {
					s.at.kept = true
				}
			}
		})
	}
	for _, r := range d.requests {
		switch {
		case r.kept:
			d.steps = append(d.steps, r)
		case r.place.origin == d.target:
			d.dropped["pages of which nothing is sent back"]++
		default:
			d.dropped["requests to "+d.hostText(r.place)]++
		}
	}
}

func (d *drafting) hostText(p place) string {
	if host := p.host(); !hasSecret(host) {
		return host
	}
	return "another host"
}

// write writes the flow and the accounts.
func (d *drafting) write(o Options) (*Draft, error) {
	name := o.Name
	if name == "" && !d.tells(d.rec.Title) {
		name = slug(d.rec.Title)
	}
	if name == "" {
		name = "recorded"
	}
	pool := o.Pool
	if pool == "" {
		pool = name
	}
	steps, cleanup := d.stepsOf()
	draft := &Draft{Steps: len(d.steps)}
	root := d.root(name, pool, steps, cleanup)
	flow, err := dump(root)
	if err != nil {
		return nil, fmt.Errorf("writing the flow: %w", err)
	}
	if draft.Flow = flow; len(flow) > maxFlow {
		return nil, fmt.Errorf("the flow would have %d bytes; the limit is %d: record a login and little more", len(flow), maxFlow)
	}
	if draft.Accounts, err = d.accountsFile(pool); err != nil {
		return nil, fmt.Errorf("writing the accounts: %w", err)
	}
	for _, r := range d.steps {
		draft.Captures += len(r.captures)
	}
	draft.Decisions = strings.Count(string(flow), "# decide:")
	draft.AllowEnv, draft.Env = d.variables(pool)
	return draft, d.guard(draft)
}

// stepsOf are the steps, and those at the end that give back what a login takes.
func (d *drafting) stepsOf() (steps, cleanup []*step) {
	for _, r := range d.steps {
		r.name = d.stepName(r)
	}
	var all []*step
	for _, r := range d.steps {
		r.comments = append(r.comments, r.Notes...)
		all = append(all, d.requestStep(r))
	}
	last := len(all)
	for last > 1 && d.steps[last-1].ends() && d.steps[last-1].Answer.Status < 400 {
		last--
	}
	for i, r := range d.steps { // a capture is made by a later step
		all[i].comments, all[i].lets, all[i].captures = r.comments, r.lets, r.captures
	}
	return all[:last], all[last:]
}

func (d *drafting) root(name, pool string, steps, cleanup []*step) *yaml.Node {
	d.now = nil
	all := []setting{
		{"name", textNode(name)},
		{"about", textNode("Drafted from " + d.rec.Source + ".")},
		{"target", textNode(template(d.origin(d.target)))},
	}
	if others := d.otherOrigins(); len(others.Content) > 0 {
		all = append(all, setting{"origins", others})
	}
	all = append(all, setting{"schedule", &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle,
		Content: []*yaml.Node{textNode("every"), textNode1("1m"), textNode("timeout"), textNode1("30s")}}})
	if len(d.fields) > 0 {
		all = append(all, setting{"accounts", textNode(pool)})
	}
	if len(d.secrets) > 0 {
		var secrets []setting
		for _, s := range d.secrets {
			secrets = append(secrets, setting{s, referenceNode(strings.ToUpper(s))})
		}
		all = append(all, setting{"secrets", mapNode(secrets)})
	}
	all = append(all, setting{"steps", stepsNode(steps)})
	if len(cleanup) > 0 {
		all = append(all, setting{"cleanup", stepsNode(cleanup)})
	}
	n := mapNode(all)
	n.HeadComment = comment(d.headLines())
	return n
}

// otherOrigins are those of the steps that go elsewhere than to the target.
func (d *drafting) otherOrigins() *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	seen := map[string]bool{d.target: true}
	for _, r := range d.steps {
		if o := r.place.origin; !seen[o] {
			seen[o] = true
			n.Content = append(n.Content, textNode(template(d.origin(o))))
		}
	}
	return n
}

// textNode1 is a text without quotes that begins with a digit.
func textNode1(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
}

func referenceNode(env string) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle, Content: []*yaml.Node{textNode("env"), textNode(env)}}
}

// headLines are what is said at the top of the flow.
func (d *drafting) headLines() []string {
	lines := []string{"Drafted by authprober import. Read it before you use it: what is yours to decide begins with decide, " +
		"and a recording knows only what happened once. Cookies are the run's own: those of the recording are not sent."}
	if len(d.dropped) > 0 {
		lines = append(lines, "Left out: "+d.droppedText()+".")
	}
	for _, name := range slices.Sorted(maps.Keys(d.rec.Defaults)) {
		value := d.rec.Defaults[name]
		if strings.Contains(d.target, "{{"+name+"}}") && d.printable(value) != "" && cut(value, false).origin != "" && !strings.ContainsAny(value, "?@") {
			lines = append(lines, "The collection has "+d.env(name)+" = "+d.printable(value))
		}
	}
	if names := d.strangers(); len(names) > 0 {
		lines = append(lines, "decide: cookies of an earlier session went along, and do not now: "+strings.Join(names, ", ")+".")
	}
	for _, note := range d.rec.Notes {
		lines = append(lines, "Note: "+note)
	}
	return lines
}

func (d *drafting) droppedText() string {
	var all []string
	for _, why := range slices.Sorted(maps.Keys(d.dropped)) {
		all = append(all, fmt.Sprintf("%s (%d)", why, d.dropped[why]))
	}
	return strings.Join(all, "; ")
}

// accountsFile is a pool of one account, with references.
func (d *drafting) accountsFile(pool string) ([]byte, error) {
	if len(d.fields) == 0 {
		return nil, nil
	}
	account := []setting{{"name", textNode(pool + "-1")}}
	for _, f := range d.fields {
		account = append(account, setting{f, referenceNode(accountVariable(pool, f))})
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: []*yaml.Node{mapNode(account)}}
	n := mapNode([]setting{{"pools", mapNode([]setting{{pool, mapNode([]setting{{"accounts", list}})}})}})
	n.HeadComment = comment([]string{"Test customers, as good as one another; more of them let the flow run more often.",
		"A value is {env: NAME} or {file: PATH}; only the name of an account is ever shown."})
	return dump(n)
}

func accountVariable(pool, field string) string {
	return strings.ToUpper(strings.ReplaceAll(pool, "-", "_") + "_1_" + field)
}

// variables are the environment variables that the draft names.
func (d *drafting) variables(pool string) (allowed, all []string) {
	allowed = slices.Sorted(slices.Values(d.envs))
	all = slices.Clone(allowed)
	for _, s := range d.secrets {
		all = append(all, strings.ToUpper(s))
	}
	for _, f := range d.fields {
		all = append(all, accountVariable(pool, f))
	}
	slices.Sort(all)
	return allowed, slices.Compact(all)
}
