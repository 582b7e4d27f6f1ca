package checks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/authprober/authprober/checks/internal/functions"
)

// object is a JSON object whose keys keep their order.
type object []member

type member struct {
	key   string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encodeJSON(m.key))
		b.WriteByte(':')
		if err := writeJSON(&b, m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// comments are the doc comments of the package's types and of their fields, as
// "Type" and "Type.Field".
func comments(t *testing.T) map[string]string {
	found := map[string]string{}
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if of, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range of.Fields.List {
					for _, name := range f.Names {
						found[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
					}
				}
			}
			return true
		})
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE && len(g.Specs) == 1 {
				found[g.Specs[0].(*ast.TypeSpec).Name.Name] = strings.Join(strings.Fields(g.Doc.Text()), " ")
			}
		}
	}
	return found
}

// A setting is a key of a mapping, as the reference and the schema show it.
type setting struct {
	key, doc string
	required bool
	of, in   reflect.Type // the value's, and that of the structure that has the field
}

// settings lists the keys that are decoded into the struct.
func settings(t *testing.T, docs map[string]string, of reflect.Type) (all []setting) {
	for i := range of.NumField() {
		f := of.Field(i)
		key, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case option == "inline":
			all = append(all, settings(t, docs, f.Type)...)
		case key != "" && key != "-":
			doc := docs[of.Name()+"."+f.Name]
			if doc == "" {
				t.Errorf("%s.%s has no comment: it is what the reference says of %q", of.Name(), f.Name, key)
			}
			all = append(all, setting{key, doc, option == "required", f.Type, of})
		}
	}
	return all
}

// A schemer makes the schema. Each type that is decoded is written once, below
// $defs, and referred to wherever it is used.
type schemer struct {
	t    *testing.T
	docs map[string]string
	defs map[string]object
}

var (
	textSchema      = object{{"type", []string{"string", "number"}}}
	namedTextSchema = object{{"type", "string"}, {"pattern", identifier.String()}}
)

func mapOf(value any) object {
	return object{{"type", "object"}, {"additionalProperties", value}}
}

// namedMapOf is a mapping whose keys are names of a kind.
func namedMapOf(names *regexp.Regexp, value any) object {
	return append(object{{"type", "object"}, {"propertyNames", object{{"pattern", names.String()}}}}, member{"additionalProperties", value})
}

func anyOf(each ...any) object { return object{{"anyOf", each}} }

func ref(name string) object { return object{{"$ref", "#/$defs/" + name}} }

// of is the schema of a type that is decoded: of one of this package's a
// reference to where it is written.
func (s *schemer) of(t reflect.Type) object {
	if t.PkgPath() == "" {
		return s.write(t)
	}
	if _, done := s.defs[t.Name()]; !done {
		s.defs[t.Name()] = nil // it may hold itself
		s.defs[t.Name()] = s.write(t)
	}
	return ref(t.Name())
}

// write is the schema of a type. A type that decodes itself has to have a line here.
func (s *schemer) write(t reflect.Type) object {
	switch reflect.Zero(t).Interface().(type) {
	case Duration:
		return object{{"type", "string"}, {"pattern", `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+$`}}
	case Ratio:
		return anyOf(
			object{{"type", "string"}, {"pattern", `^[0-9]{1,3}(\.[0-9]+)? ?%$`}},
			object{{"type", "number"}, {"minimum", 0}, {"maximum", 1}},
		)
	case Frequency:
		return object{{"type", "string"}, {"pattern", `^[0-9]+ +per +\S+$`}}
	case Size:
		return anyOf(object{{"type", "integer"}}, object{{"type", "string"}, {"pattern", `^[0-9]+ ?(KiB|MiB)?$`}})
	case Expr:
		return object{{"type", []string{"string", "boolean"}}, {"minLength", 1}}
	case Template:
		return textSchema
	case RequestLine:
		return object{{"type", "string"}, {"pattern", `^(` + strings.Join(methods, "|") + `)[ \t]+(/|https?://|\$\{\{)`}}
	case Value:
		return object{}
	case Pairs:
		return mapOf(textSchema)
	case Labels:
		return namedMapOf(labelName, append(slices.Clone(textSchema), member{"minLength", 1}))
	case Tags:
		return namedMapOf(labelName, s.of(reflect.TypeFor[Expr]()))
	case Clients:
		return namedMapOf(identifier, s.of(reflect.TypeFor[Client]()))
	case Counter:
		return anyOf(namedTextSchema, s.structure(t))
	case DPoPSettings, SameAsSettings:
		return anyOf(textSchema, s.structure(t))
	case WithinSettings:
		return anyOf(s.of(reflect.TypeFor[Duration]()), s.structure(t))
	case SecretRef:
		return anyOf(textSchema, only("env"), only("file"))
	case SecretRefs:
		return namedMapOf(identifier, s.of(reflect.TypeFor[SecretRef]()))
	case Captures:
		return namedMapOf(identifier, anyOf(s.of(reflect.TypeFor[Expr]()), s.of(reflect.TypeFor[Capture]())))
	case FormChoice:
		return anyOf(object{{"const", "first"}}, append(s.structure(t), member{"minProperties", 1}, member{"maxProperties", 1}))
	case ButtonChoice:
		return anyOf(textSchema, append(s.structure(t), member{"minProperties", 1}))
	case FollowSettings:
		return anyOf(object{{"const", "location"}}, s.structure(t))
	case step:
		return s.step()
	case Steps:
		return object{{"type", "array"}, {"minItems", 1}, {"items", s.of(t.Elem())}}
	case Pools:
		return namedMapOf(flowName, s.of(reflect.TypeFor[Pool]()))
	case Account:
		return append(namedMapOf(identifier, s.of(reflect.TypeFor[SecretRef]())),
			member{"required", []string{"name"}}, member{"properties", object{{"name", textSchema}}})
	}
	switch t.Kind() {
	case reflect.String:
		return textSchema
	case reflect.Bool:
		return object{{"type", "boolean"}}
	case reflect.Int:
		return object{{"type", "integer"}}
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Slice:
		return object{{"type", "array"}, {"items", s.of(t.Elem())}}
	case reflect.Struct:
		return s.structure(t)
	}
	s.t.Fatalf("no schema for %s", t)
	return nil
}

// only is an object of one key, whose value is text.
func only(key string) object {
	return object{
		{"type", "object"}, {"additionalProperties", false}, {"required", []string{key}},
		{"properties", object{{key, object{{"type", "string"}}}}},
	}
}

// structure is an object of the type's settings and no other. Those that it
// shares with other types, by embedding one, are written there; what every step has
// the schema of a step says already.
func (s *schemer) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, set := range settings(s.t, s.docs, t) {
		var property any
		switch {
		case set.in == t:
			property = s.property(set)
		case set.in == reflect.TypeFor[StepSettings]():
			property = true
		default:
			s.of(set.in)
			property = ref(set.in.Name() + "/properties/" + set.key)
		}
		properties = append(properties, member{set.key, property})
		if set.required {
			required = append(required, set.key)
		}
	}
	return object{
		{"type", "object"}, {"additionalProperties", false}, {"required", required}, {"properties", properties},
	}
}

func (s *schemer) property(set setting) object {
	property := append(object{{"description", set.doc}}, s.of(set.of)...)
	if set.in == reflect.TypeFor[Flow]() && set.key == "name" || set.in == reflect.TypeFor[ObjectiveSettings]() && set.key == "group" {
		property = append(property, member{"pattern", flowName.String()})
	}
	return property
}

// step is a step of any kind. The kind is told by a key, and the mistakes that are
// shown are those of that kind and no other. That a step has two kinds is a mistake
// as neither knows the other's key.
func (s *schemer) step() object {
	var properties object
	for _, set := range settings(s.t, s.docs, reflect.TypeFor[StepSettings]()) {
		properties = append(properties, member{set.key, s.property(set)})
	}
	var told, each []any
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		of := reflect.TypeOf(kinds[kind]()).Elem()
		for _, set := range settings(s.t, s.docs, of) {
			if set.key == kind { // to be proposed by editors while there is none
				properties = append(properties, member{kind, object{{"description", set.doc}}})
			}
		}
		is, then := object{{"required", []string{kind}}}, s.of(of)
		if _, judges := kinds[kind]().(Verifier); !judges {
			then = append(then, anyOf(object{{"required", []string{"expect"}}}, object{{"required", []string{"refuse"}}})...)
		}
		told, each = append(told, is), append(each, object{{"if", is}, {"then", then}})
	}
	is, then := s.use()
	properties = append(properties, member{"use", object{{"description", s.docs["UseSettings.Use"]}}})
	told, each = append(told, is), append(each, object{{"if", is}, {"then", then}})
	return object{{"type", "object"}, {"properties", properties}, {"anyOf", told}, {"allOf", each}}
}

// use is a step that includes a ready check, told by its key as the kinds are.
func (s *schemer) use() (is, then object) {
	names := sortedNames(readyChecks())
	properties := object{
		{"use", object{{"enum", names}}},
		{"with", object{{"description", s.docs["UseSettings.With"]}, {"type", "object"}, {"additionalProperties", textSchema}}},
	}
	for _, key := range overrides() {
		properties = append(properties, member{key, true})
	}
	return object{{"required", []string{"use"}}}, object{{"type", "object"}, {"additionalProperties", false}, {"properties", properties}}
}

func makeSchema(t *testing.T) []byte {
	s := &schemer{t, comments(t), map[string]object{}}
	root := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"title", "A flow, or the pools of accounts, of authprober"},
		{"if", object{{"required", []string{"pools"}}}},
		{"then", s.of(reflect.TypeFor[AccountsFile]())},
		{"else", s.of(reflect.TypeFor[Flow]())},
	}
	text, err := json.Marshal(append(root, member{"$defs", s.defs}))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	indent(&b, text, "")
	b.WriteByte('\n')
	return b.Bytes()
}

// indent writes JSON with what is short on one line, so that a person can read it.
func indent(b *bytes.Buffer, text json.RawMessage, margin string) {
	const width = 110
	if len(margin)+len(text) <= width || text[0] != '{' && text[0] != '[' {
		b.Write(text)
		return
	}
	d := json.NewDecoder(bytes.NewReader(text))
	opened, _ := d.Token()
	fmt.Fprint(b, opened)
	for first := true; d.More(); first = false {
		if !first {
			b.WriteByte(',')
		}
		b.WriteString("\n" + margin + "  ")
		if text[0] == '{' {
			key, _ := d.Token()
			b.Write(append(encodeJSON(key.(string)), ": "...))
		}
		var value json.RawMessage
		_ = d.Decode(&value) // it has just been made
		indent(b, value, margin+"  ")
	}
	closed, _ := d.Token()
	fmt.Fprintf(b, "\n%s%v", margin, closed)
}

// current holds a generated file against what would be generated now.
func current(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not what go generate makes (-want +got):\n%s", path, diff)
	}
}

func TestSchemaIsCurrent(t *testing.T) {
	current(t, "flow.schema.json", makeSchema(t))
}

// beyondSchema are the bad files whose mistakes are not of form: the schema has
// to accept them.
var beyondSchema = []string{
	"misuse", "budget", "environment", "production", "negative", "negative-nobody", "pool-day", "pool-rules",
	"follow-first", "follow-settings", "let", "poll", "submit-first", "submit-settings",
	"account-fields", "alias-bomb", "alias-loop", "answer-before-request", "bad-types", "binary", "bodies", "confirm",
	"confirm-budget", "confirm-rare", "duplicate-key",
	"empty", "env-not-allowed", "expect-nothing", "helper-arguments", "helper-calls", "helper-values", "jws", "mail-answer", "mail-server", "mail-settings", "memory-of-nobody",
	"no-accounts", "no-pool", "not-utf8", "not-yaml", "pool-budget", "pool-secret", "read-before-capture", "several-documents", "sign",
	"signing-keys", "signing-keys-of-accounts", "tab", "target-no-url",
	"tag-certificate", "target-password", "target-query", "tls", "unclosed-template", "unknown-anchor", "unknown-name", "yaml-tags",
	"client-certificate", "client-certificate-unreadable", "dpop", "oauth-auth", "oauth-documents", "oauth-endpoints", "oauth-grant",
	"oauth-issuer", "oauth-keys", "oauth-no-client", "oauth-order", "oauth-response", "remember-no-accounts", "remember-nothing",
}

// compiledSchema is the schema, ready to be held against data.
func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("flow.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("flow.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestSchemaTellsTheMistake wants what an editor shows to be about the step as it
// is, and not a list of all the kinds that it might have been.
func TestSchemaTellsTheMistake(t *testing.T) {
	schema := compiledSchema(t)
	for _, tt := range []struct{ step, want string }{
		{`{"name": "a", "request": "GET /", "expcet": ["true"], "refuse": [401]}`, "at '/steps/0': additional properties 'expcet' not allowed"},
		{`{"name": "a", "request": "GET /", "refuse": [401], "timeout": 5}`, "at '/steps/0/timeout': got number, want string"},
		{`{"request": "GET /", "refuse": [401]}`, "at '/steps/0': missing property 'name'"},
		{`{"name": "a", "revoke": "x", "client": 5, "parms": {}, "expect": ["true"]}`, "at '/steps/0': additional properties 'parms' not allowed"},
		{`{"name": "a", "mail": "imaps://m.example", "username": "u"}`, "at '/steps/0': missing property 'password'"},
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"name": "x", "target": "http://x.example", "steps": [` + tt.step + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		invalid, ok := errors.AsType[*jsonschema.ValidationError](schema.Validate(v))
		if !ok {
			t.Errorf("%s: the schema finds no mistake in it", tt.step)
			continue
		}
		if got := leaves(invalid); len(got) != 1 || !strings.HasSuffix(got[0], tt.want) {
			t.Errorf("%s: got %q, want %q", tt.step, got, tt.want)
		}
	}
}

// leaves are the mistakes, without those that only say that there are some below.
func leaves(e *jsonschema.ValidationError) (found []string) {
	if len(e.Causes) == 0 {
		return []string{strings.TrimSpace(e.Error())}
	}
	for _, cause := range e.Causes {
		found = append(found, leaves(cause)...)
	}
	return found
}

func TestSchemaHolds(t *testing.T) {
	schema := compiledSchema(t)
	validate := func(path string) error {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := yaml.Load(text, &v); err != nil {
			return nil // no YAML: beyond the schema
		}
		asJSON, err := json.Marshal(v)
		if err != nil {
			return nil
		}
		if v, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON)); err != nil {
			t.Fatal(err)
		}
		return schema.Validate(v)
	}
	var good []string
	for _, pattern := range []string{"testdata/good/*.yaml", "../deploy/flows/*.yaml", "../deploy/flows-untried/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Errorf("no file is like %s: %v", pattern, err)
		}
		good = append(good, paths...)
	}
	for _, path := range good {
		if err := validate(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	bad, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, path := range bad {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		switch err := validate(path); {
		case err == nil && !slices.Contains(beyondSchema, name):
			t.Errorf("%s: the schema finds no mistake in it", path)
		case err != nil && slices.Contains(beyondSchema, name):
			t.Errorf("%s: the schema finds a mistake in it, so it is not beyond the schema: %v", path, err)
		}
	}
}

// TestReferenceIsCurrent keeps docs/flow-reference.md, which is made from the
// same types and comments, and from the table of helpers.
func TestReferenceIsCurrent(t *testing.T) {
	docs := comments(t)
	var b strings.Builder
	var everyStep []string
	for _, s := range settings(t, docs, reflect.TypeFor[StepSettings]()) {
		everyStep = append(everyStep, s.key)
	}
	b.WriteString("# Flow reference\n\nMade by `go generate ./checks` from the types that are decoded; `authprober schema` prints the same as a\n" +
		"JSON Schema. [Flows](flows.md) tells how it all hangs together.\n")
	section := func(title string, of reflect.Type) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| key | what it is |\n|---|---|\n", title, plainComment(docs[of.Name()]))
		for _, s := range settings(t, docs, of) {
			if strings.HasPrefix(title, "The kind ") && slices.Contains(everyStep, s.key) {
				continue
			}
			required := ""
			if s.required {
				required = " **Required.**"
			}
			fmt.Fprintf(&b, "| `%s` | %s%s |\n", s.key, strings.ReplaceAll(s.doc, "|", `\|`), required)
		}
	}
	section("A flow", reflect.TypeFor[Flow]())
	section("budget", reflect.TypeFor[BudgetSettings]())
	section("schedule", reflect.TypeFor[ScheduleSettings]())
	section("objective", reflect.TypeFor[ObjectiveSettings]())
	section("thresholds", reflect.TypeFor[ThresholdSettings]())
	section("tls", reflect.TypeFor[TLSSettings]())
	section("Every step", reflect.TypeFor[StepSettings]())
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		section("The kind "+kind, reflect.TypeOf(kinds[kind]()).Elem())
	}
	section("A client", reflect.TypeFor[Client]())
	section("auth of a client", reflect.TypeFor[ClientAuth]())
	section("request_object of a client", reflect.TypeFor[SigningKey]())
	section("dpop of a client", reflect.TypeFor[DPoPKey]())
	section("dpop of a request", reflect.TypeFor[DPoPSettings]())
	section("signature of a request", reflect.TypeFor[SignatureSettings]())
	section("jws of a request", reflect.TypeFor[JWSSettings]())
	section("sign of a request", reflect.TypeFor[SignSettings]())
	section("submit", reflect.TypeFor[FormChoice]())
	section("button", reflect.TypeFor[ButtonChoice]())
	section("follow", reflect.TypeFor[FollowSettings]())
	section("basic", reflect.TypeFor[BasicAuth]())
	section("A capture", reflect.TypeFor[Capture]())
	section("A counter", reflect.TypeFor[Counter]())
	section("poll", reflect.TypeFor[PollSettings]())
	section("within", reflect.TypeFor[WithinSettings]())
	section("same_as", reflect.TypeFor[SameAsSettings]())
	section("An accounts file", reflect.TypeFor[AccountsFile]())
	section("A pool", reflect.TypeFor[Pool]())
	b.WriteString("\n## use\n\n" + plainComment(docs["UseSettings"]) + " [Must-be-refused checks](refused.md) tells more.\n\n| key | what it is |\n|---|---|\n")
	for _, s := range settings(t, docs, reflect.TypeFor[UseSettings]()) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", s.key, s.doc)
	}
	b.WriteString("\n| ready check | what it sends | what must come of it | it needs |\n|---|---|---|---|\n")
	for _, name := range sortedNames(readyChecks()) {
		r := readyChecks()[name]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s%s |\n", name, r.About, r.refusals(), r.Needs, r.parametersText())
	}
	b.WriteString("\n## Helpers in expressions\n\n| call | what it gives | example |\n|---|---|---|\n")
	for _, h := range functions.All() {
		fmt.Fprintf(&b, "| `%s` | %s | `%s` |\n", h.Usage, h.Doc, strings.ReplaceAll(h.Example, "|", `\|`))
	}
	current(t, "../docs/flow-reference.md", []byte(b.String()))
}

// TestRefusedTableIsCurrent keeps the table of docs/refused.md.
func TestRefusedTableIsCurrent(t *testing.T) {
	const begin, end = "<!-- the table is made by go generate ./checks -->\n", "<!-- end of the table -->"
	text := readText(t, "../docs/refused.md")
	before, rest, ok := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatal("docs/refused.md has no place for the table")
	}
	var b strings.Builder
	b.WriteString(before + begin + "\n| check | what is sent | refused with | source | pool | how often |\n|---|---|---|---|---|---|\n")
	for _, name := range sortedNames(readyChecks()) {
		r := readyChecks()[name]
		pool := r.Pool
		if pool == "" {
			pool = "any"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", name, r.About, r.refusals(), r.Source, pool, r.Often)
	}
	b.WriteString("\n" + end + after)
	current(t, "../docs/refused.md", []byte(b.String()))
}

// parametersText lists the check's own parameters.
func (r *readyCheck) parametersText() string {
	var b strings.Builder
	for _, p := range r.Parameters {
		fmt.Fprintf(&b, "; `%s`: %s", p.Name, strings.TrimSuffix(p.About, "."))
		switch {
		case p.Required:
			b.WriteString(" (required)")
		case p.Default != "":
			b.WriteString(" (`" + p.Default + "`)")
		}
	}
	return b.String()
}

// plainComment drops the marks of links from a comment.
func plainComment(text string) string {
	var p comment.Parser
	return strings.TrimSpace(string((&comment.Printer{TextWidth: 1 << 20}).Text(p.Parse(text))))
}
