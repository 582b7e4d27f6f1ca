package checks

import (
	_ "embed" // for the schema
	"slices"
)

//go:generate go test -run IsCurrent$ -update .

//go:embed flow.schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of flow and accounts files, for
// editors. It is made from the types that are decoded, so it knows their keys
// and forms; what an expression may say is beyond it.
func Schema() []byte { return slices.Clone(schema) }
