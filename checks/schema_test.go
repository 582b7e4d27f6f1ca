package checks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
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
	of       reflect.Type
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
			all = append(all, setting{key, doc, option == "required", f.Type})
		}
	}
	return all
}

// A schemer makes the schema.
type schemer struct {
	t    *testing.T
	docs map[string]string
}

var (
	textSchema      = object{{"type", []string{"string", "number"}}}
	namedTextSchema = object{{"type", "string"}, {"pattern", identifier.String()}}
	namedSchema     = object{{"pattern", identifier.String()}}
	secretSchema    = object{{"anyOf", []any{
		textSchema,
		object{{"type", "object"}, {"additionalProperties", false}, {"required", []string{"env"}}, {"properties", object{{"env", object{{"type", "string"}}}}}},
		object{{"type", "object"}, {"additionalProperties", false}, {"required", []string{"file"}}, {"properties", object{{"file", object{{"type", "string"}}}}}},
	}}}
)

func mapOf(value any) object {
	return object{{"type", "object"}, {"additionalProperties", value}}
}

// of is the schema of a type that is decoded. A type that decodes itself has to
// have a line here.
func (s *schemer) of(t reflect.Type) object {
	expression := object{{"type", []string{"string", "boolean"}}, {"minLength", 1}}
	switch reflect.Zero(t).Interface().(type) {
	case Duration:
		return object{{"type", "string"}, {"pattern", `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h|d))+$`}}
	case Ratio:
		return object{{"anyOf", []any{
			object{{"type", "string"}, {"pattern", `^[0-9]{1,3}(\.[0-9]+)? ?%$`}},
			object{{"type", "number"}, {"minimum", 0}, {"maximum", 1}},
		}}}
	case Frequency:
		return object{{"type", "string"}, {"pattern", `^[0-9]+ +per +\S+$`}}
	case Size:
		return object{{"anyOf", []any{object{{"type", "integer"}}, object{{"type", "string"}, {"pattern", `^[0-9]+ ?(KiB|MiB)?$`}}}}}
	case Expr:
		return expression
	case Template:
		return textSchema
	case RequestLine:
		return object{{"type", "string"}, {"pattern", `^(` + strings.Join(methods, "|") + `)[ \t]+(/|https?://|\$\{\{)`}}
	case Value:
		return object{}
	case Pairs:
		return mapOf(textSchema)
	case Labels:
		return object{{"type", "object"}, {"propertyNames", object{{"pattern", labelName.String()}}}, {"additionalProperties", object{{"type", []string{"string", "number"}}, {"minLength", 1}}}}
	case Tags:
		return object{{"type", "object"}, {"propertyNames", object{{"pattern", labelName.String()}}}, {"additionalProperties", expression}}
	case Clients:
		return object{{"type", "object"}, {"propertyNames", namedSchema}, {"additionalProperties", s.structure(reflect.TypeFor[Client]())}}
	case Counter:
		return object{{"anyOf", []any{namedTextSchema, s.structure(t)}}}
	case DPoPSettings:
		return object{{"anyOf", []any{textSchema, s.structure(t)}}}
	case SecretRefs:
		return object{{"type", "object"}, {"propertyNames", namedSchema}, {"additionalProperties", secretSchema}}
	case Captures:
		return object{{"type", "object"}, {"propertyNames", namedSchema}, {"additionalProperties", object{{"anyOf", []any{expression, s.structure(reflect.TypeFor[Capture]())}}}}}
	case FormChoice:
		one := append(s.structure(t), member{"minProperties", 1}, member{"maxProperties", 1})
		return object{{"anyOf", []any{object{{"const", "first"}}, one}}}
	case ButtonChoice:
		return object{{"anyOf", []any{textSchema, append(s.structure(t), member{"minProperties", 1})}}}
	case FollowSettings:
		return object{{"anyOf", []any{object{{"const", "location"}}, s.structure(t)}}}
	case []step:
		return object{{"type", "array"}, {"minItems", 1}, {"items", s.steps()}}
	case Pools:
		return object{{"type", "object"}, {"propertyNames", object{{"pattern", flowName.String()}}}, {"additionalProperties", s.structure(reflect.TypeFor[Pool]())}}
	case Account:
		return object{{"type", "object"}, {"required", []string{"name"}}, {"propertyNames", namedSchema}, {"properties", object{{"name", textSchema}}}, {"additionalProperties", secretSchema}}
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

func (s *schemer) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	for _, set := range settings(s.t, s.docs, t) {
		property := append(object{{"description", set.doc}}, s.of(set.of)...)
		if t == reflect.TypeFor[Flow]() && set.key == "name" || t == reflect.TypeFor[ObjectiveSettings]() && set.key == "group" {
			property = append(property, member{"pattern", flowName.String()})
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

func (s *schemer) steps() object {
	var each []any
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		of := s.structure(reflect.TypeOf(kinds[kind]()).Elem())
		if _, judges := kinds[kind]().(Verifier); !judges {
			of = append(of, member{"anyOf", []any{object{{"required", []string{"expect"}}}, object{{"required", []string{"refuse"}}}}})
		}
		each = append(each, of)
	}
	if len(each) == 1 {
		return each[0].(object)
	}
	return object{{"oneOf", each}}
}

func makeSchema(t *testing.T) []byte {
	s := &schemer{t, comments(t)}
	root := object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"title", "A flow, or the pools of accounts, of authprober"},
		{"if", object{{"required", []string{"pools"}}}},
		{"then", s.structure(reflect.TypeFor[AccountsFile]())},
		{"else", s.structure(reflect.TypeFor[Flow]())},
	}
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
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
	"negative", "negative-nobody", "pool-day", "pool-rules", "follow-first", "follow-settings", "let", "poll", "submit-first", "submit-settings",
	"account-fields", "alias-bomb", "alias-loop", "answer-before-request", "bad-types", "binary", "bodies", "confirm",
	"confirm-budget", "confirm-rare", "duplicate-key",
	"empty", "env-not-allowed", "expect-nothing", "helper-calls", "mail-answer", "mail-server", "mail-settings", "no-accounts", "no-pool", "not-utf8", "not-yaml",
	"pool-budget", "pool-secret", "read-before-capture", "several-documents", "tab", "target-no-url",
	"target-password", "target-query", "tls", "unclosed-template", "unknown-anchor", "unknown-name", "yaml-tags",
}

func TestSchemaHolds(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("flow.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("flow.schema.json")
	if err != nil {
		t.Fatal(err)
	}
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
		return compiled.Validate(v)
	}
	var good []string
	for _, pattern := range []string{"testdata/good/*.yaml", "../deploy/flows/*.yaml"} {
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
	section("An accounts file", reflect.TypeFor[AccountsFile]())
	section("A pool", reflect.TypeFor[Pool]())
	b.WriteString("\n## Helpers in expressions\n\n| call | what it gives | example |\n|---|---|---|\n")
	for _, h := range functions.All() {
		fmt.Fprintf(&b, "| `%s` | %s | `%s` |\n", h.Usage, h.Doc, strings.ReplaceAll(h.Example, "|", `\|`))
	}
	current(t, "../docs/flow-reference.md", []byte(b.String()))
}

// plainComment drops the marks of links from a comment.
func plainComment(text string) string {
	var p comment.Parser
	return strings.TrimSpace(string((&comment.Printer{TextWidth: 1 << 20}).Text(p.Parse(text))))
}
