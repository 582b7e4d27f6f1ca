package checks

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/functions"
	"github.com/authprober/authprober/checks/internal/jsonvalue"
	"github.com/authprober/authprober/checks/internal/strict"
)

// A Scope is what the expressions at one place of a flow can see, and where
// what is wrong with them is noted. Steps are vetted in order, each of them
// adding what it captures.
type Scope struct {
	flow       *compiled // that is being compiled
	doc        *strict.Document
	names      types.Map         // in reach at this place, with their types
	captured   map[string]string // captured so far: name -> step
	later      map[string]string // captured by a step further down: name -> step
	account    types.Map         // the fields that every account of the pool has; nil without a pool
	env        map[string]string // allow-listed environment variables
	secrets    types.Map
	clients    map[*Client]*oauthSeen
	remembered []string        // names of what is remembered of an account
	totpSeen   bool            // an expression compiled since this was last reset calls totp()
	codeSeen   bool            // and this calls totp() or hotp()
	credential bool            // and this reads of the account what may be a credential
	kept       map[string]bool // captured names whose values may be such credentials
	steps      []string        // the names of the steps before this place
	aside      bool            // the answer in reach is a mail
	missSeen   bool            // one reads what may not be there
	spoils     bool            // an expression makes what must be refused
	choosy     bool            // the step at hand is only for some accounts
}

// answerNames are in reach once a step has its answer.
var answerNames = types.Map{
	"status":   types.Int,
	"header":   types.TypeOf(http.Header{}),
	"body":     types.Any,
	"text":     types.String,
	"location": types.Any,
	"took":     types.TypeOf(time.Duration(0)),
}

// newScope is the scope of a flow's first step, before its answer.
func newScope(doc *strict.Document) *Scope {
	return &Scope{
		doc: doc, names: types.Map{"step": types.String, "check": types.String},
		captured: map[string]string{}, later: map[string]string{}, kept: map[string]bool{}, clients: map[*Client]*oauthSeen{},
	}
}

// ofTarget are those of the answerNames that only an answer of the target has.
var ofTarget = []string{"status", "body", "location"}

// withAnswer is the scope of what is evaluated after the answer, which is the
// target's, or beside it a mail.
func (s *Scope) withAnswer(aside bool) *Scope {
	inner := *s
	inner.names = maps.Clone(s.names)
	maps.Copy(inner.names, answerNames)
	if inner.aside = aside; aside {
		maps.DeleteFunc(inner.names, func(name string, _ types.Type) bool { return slices.Contains(ofTarget, name) })
	}
	return &inner
}

// with is the scope with one more name in reach.
func (s *Scope) with(name string, of types.Type) *Scope {
	inner := *s
	inner.names = maps.Clone(s.names)
	inner.names[name] = of
	return &inner
}

// capture brings a captured name into reach of everything that follows.
func (s *Scope) capture(name, step string, of types.Type) {
	s.names[name], s.captured[name] = of, step
	delete(s.later, name)
}

// keep notes that a value that was captured or computed may be a credential.
func (s *Scope) keep(name string, p *program) {
	if p.credential {
		s.kept[name] = true
	}
}

// keptOf lists the names that may be credentials.
func (s *Scope) keptOf(mentions map[string]bool) (names []string) {
	for name := range mentions {
		if s.kept[name] {
			names = append(names, name)
		}
	}
	return names
}

// A program is a compiled expression.
type program struct {
	*vm.Program
	mentions map[string]bool // the names it reads
	// credential says that it reads a field of the account beside its name, or what
	// was kept of one.
	credential bool
	ofAnswer   map[argument]bool // what helpers are given that is read from the answer
	reads      *jsonvalue.Part   // what it reads of the answer's body; nil where that is nothing
	status     int               // what status has to be, where that is all it asks; else 0
	heeds      bool              // it has loops that may take long, and fails where the time is over
}

// needs lists the captured names the program reads.
func (p *program) needs(captured map[string]string) (names []string) {
	for name := range p.mentions {
		if _, ok := captured[name]; ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// compile compiles and type-checks an expression that stands at offset within
// the scalar n. What is wrong is noted, and the program is nil then.
func (s *Scope) compile(n *yaml.Node, offset int, source string, options ...expr.Option) *program {
	if strings.TrimSpace(source) == "" {
		line, column := s.doc.Inside(n, offset)
		s.doc.At(line, column, "empty expression")
		return nil
	}
	rw := newRewriter(s.checked())
	options = append(slices.Clone(options), expr.Env(s.with(heedFunc, types.TypeOf(heedType(nil))).names), expr.Patch(rw))
	compiled, err := expr.Compile(source, append(options, helperOptions...)...)
	if err != nil {
		s.mistake(n, offset, source, err)
		return nil
	}
	s.noteCodes(rw.mentions)
	s.spoils = s.spoils || slices.ContainsFunc(helpers, func(h functions.Func) bool { return h.MustBeRefused && rw.mentions[h.Name] })
	s.missSeen = s.missSeen || rw.misses()
	p := &program{compiled, rw.mentions, rw.account > 0 || len(s.keptOf(rw.mentions)) > 0, rw.ofAnswer(), partOf(compiled.Node(), rw.mentions), statusOf(compiled.Node()), rw.heeds}
	s.tryCalls(n, offset, source, rw)
	s.credential = s.credential || p.credential
	return p
}

// checked lists the names in reach whose fields are all known at load.
func (s *Scope) checked() []string {
	names := []string{"account", "secrets", "env", "remembered", "age"}
	if _, captured := s.captured["request"]; !captured {
		names = append(names, "request") // in reach of sign alone
	}
	return names
}

// mistake notes what the expression library found, in this project's words.
func (s *Scope) mistake(n *yaml.Node, offset int, source string, err error) {
	message, before := err.Error(), ""
	var at *file.Error
	if errors.As(err, &at) {
		message = at.Message
		within := byteOffset(source, at.Line, at.Column)
		offset, before = offset+within, source[:within]
	}
	line, column := s.doc.Inside(n, offset)
	s.doc.At(line, column, "%s", s.explain(message, before))
}

// byteOffset turns a line (from 1) and a column in runes (from 0) of a text
// into an offset in bytes.
func byteOffset(text string, line, column int) int {
	lines := strings.SplitAfter(text, "\n")
	if line < 1 || line > len(lines) {
		return 0
	}
	offset := 0
	for _, before := range lines[:line-1] {
		offset += len(before)
	}
	runes := []rune(lines[line-1])
	return offset + len(string(runes[:min(max(column, 0), len(runes))]))
}

var (
	unknownName  = regexp.MustCompile(`^unknown name (\S+)$`)
	unknownField = regexp.MustCompile(`^unknown field (\S+)$`)
)

// explain adds to the library's message what the reader needs to mend it;
// before is the expression up to the mistake.
func (s *Scope) explain(message, before string) string {
	message, _, _ = strings.Cut(message, "\n")
	if strings.HasSuffix(message, "exceeds maximum allowed nodes") {
		return fmt.Sprintf("the expression has more than %d parts; want several shorter ones", conf.DefaultMaxNodes)
	}
	if m := unknownName.FindStringSubmatch(message); m != nil {
		return s.explainName(m[1])
	}
	if m := unknownField.FindStringSubmatch(message); m != nil {
		return s.explainField(m[1], before)
	}
	for _, h := range helpers {
		if strings.HasSuffix(message, "to call "+h.Name) || strings.Contains(message, "to call "+h.Name+" ") {
			return strings.TrimSpace(message) + "; the call is " + h.Usage
		}
	}
	return message
}

func (s *Scope) explainName(name string) string {
	if step, ok := s.later[name]; ok {
		return fmt.Sprintf("%s is read before it is captured; step %q captures it", name, step)
	}
	if s.aside && slices.Contains(ofTarget, name) {
		return fmt.Sprintf("%s is not known here: a mail has header, text and took", name)
	}
	if _, ok := answerNames[name]; ok {
		return fmt.Sprintf("%s is only known once the step has its answer", name)
	}
	switch name {
	case "account":
		return "account is not known here: the flow names no pool of accounts"
	case "remembered", "age":
		return name + " is not known here: no flow of the pool remembers anything"
	case "secrets":
		return "secrets is not known here: the flow has no secrets"
	}
	return "unknown name " + name + strict.Nearest(name, s.known())
}

// known lists every name in reach, helpers included.
func (s *Scope) known() []string {
	names := slices.Collect(maps.Keys(s.names))
	for _, h := range helpers {
		names = append(names, h.Name)
	}
	names = append(names, "len", "all", "any", "none", "filter", "map", "count", "now", "date", "duration", "contains", "matches")
	slices.Sort(names)
	return names
}

// fieldOf matches an expression up to the name of a field.
var fieldOf = regexp.MustCompile(`(account|env|secrets|remembered|age|request)\??[.\[]\s*["']?$`)

func (s *Scope) explainField(field, before string) string {
	of := ""
	if m := fieldOf.FindStringSubmatch(before); m != nil {
		of = m[1]
	}
	switch of {
	case "account":
		if near := strict.Nearest(field, fieldNames(s.account)); near != "" {
			return "unknown field " + field + near
		}
		return fmt.Sprintf("unknown field %s: the accounts of the pool do not all have it", field)
	case "env":
		if near := strict.Nearest(field, slices.Sorted(maps.Keys(s.env))); near != "" {
			return "unknown field " + field + near
		}
		return fmt.Sprintf("the environment variable %s is not set, or not among those that AUTHPROBER_ALLOW_ENV names", field)
	case "remembered", "age":
		return "unknown field " + field + strict.Nearest(field, s.remembered) + "; no flow of the pool remembers it"
	case "secrets":
		return "unknown field " + field + strict.Nearest(field, fieldNames(s.secrets))
	case "request":
		return "unknown field " + field + strict.Nearest(field, fieldNames(requestNames)) + "; request has " + strings.Join(fieldNames(requestNames), ", ")
	}
	return "unknown field " + field
}

func fieldNames(m types.Map) []string { return slices.Sorted(maps.Keys(m)) }

// typeOfResult is the static type of what a program yields, any where only the
// answer knows. Of structs, such as times, the expression library would look up
// fields in a table that it does not make for names: they are looked up in the run.
func typeOfResult(p *program) types.Type {
	t := p.Node().Type()
	if t == nil || t.Kind() == reflect.Interface || t.Kind() == reflect.Struct {
		return types.Any
	}
	return types.TypeOf(reflect.Zero(t).Interface())
}

func (s *Scope) noteCodes(mentions map[string]bool) {
	s.totpSeen = s.totpSeen || mentions["totp"]
	s.codeSeen = s.codeSeen || mentions["totp"] || mentions["hotp"]
}
