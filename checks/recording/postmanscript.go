package recording

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// A postmanEvent is a script, which is not executed.
type postmanEvent struct {
	Listen string `json:"listen"`
	Script struct {
		Exec scriptLines `json:"exec"`
	} `json:"script"`
}

// scriptLines are a text, or a list of lines.
type scriptLines string

// UnmarshalJSON implements [json.Unmarshaler].
func (s *scriptLines) UnmarshalJSON(text []byte) error {
	*s = scriptLines(joined(json.RawMessage(text), "\n"))
	return nil
}

var (
	// answerVariable is a script variable that holds the answer's JSON.
	answerVariable = form(`(?:const|let|var)\s+(\w+)\s*=\s*(?:pm\.response\.json\(\)|JSON\.parse\(\s*responseBody\s*\))\s*;?\s*(?:\n|$|;|//)`)
	// setCall keeps a value in a variable of the collection, or of its like.
	setCall = form(`(?:pm\.(?:environment|globals|collectionVariables|variables)\.set|postman\.set(?:Environment|Global)Variable)\(\s*["'\x60]([\w.-]+)["'\x60]\s*,\s*([^\n]*?)\)\s*;?\s*(?:\n|$|//|\})`)
	// statusCall asserts the answer's status.
	statusCall = form(`pm\.response\.to\.have\.status\(\s*(\d{3})\s*\)|pm\.expect\(\s*pm\.response\.code\s*\)\.to\.(?:eql|equal|eq)\(\s*(\d{3})\s*\)|responseCode\.code\s*===?\s*(\d{3})`)
	headerCall = form(`^(?:pm\.response\.headers\.get|postman\.getResponseHeader)\(\s*["']([A-Za-z0-9-]+)["']\s*\)$`)
	memberPath = form(`^(?:\.[A-Za-z_]\w*|\[\d{1,4}\]|\[["'][A-Za-z_][\w-]*["']\])+$`)
	memberStep = form(`\.([A-Za-z_]\w*)|\[(\d{1,4})\]|\[["']([A-Za-z_][\w-]*)["']\]`)
)

// readScripts takes from scripts what is simple, and notes that there are others.
func readScripts(x *Exchange, scripts []postmanEvent) {
	for _, e := range scripts {
		script := string(e.Script.Exec)
		if strings.TrimSpace(script) == "" {
			continue
		}
		if e.Listen == "prerequest" {
			x.Notes = append(x.Notes, "decide: a pre-request script was not taken over; what it computes goes into let")
			continue
		}
		left := readTest(x, script)
		if left {
			x.Notes = append(x.Notes, "decide: a test script was not taken over in full; what it asserts goes into expect")
		}
	}
}

// readTest reads a test script; it reports whether there is more in it.
func readTest(x *Exchange, script string) (more bool) {
	var roots []string
	for _, m := range answerVariable().FindAllStringSubmatch(script, -1) {
		roots = append(roots, m[1])
	}
	if m := statusCall().FindStringSubmatch(script); m != nil && x.Answer.Status == 0 {
		x.Answer.Status, _ = strconv.Atoi(m[1] + m[2] + m[3]) // three digits of one of them
	}
	for _, m := range setCall().FindAllStringSubmatch(script, -1) {
		expr, ok := scriptExpr(strings.TrimSpace(m[2]), roots)
		if !ok {
			x.Notes = append(x.Notes, fmt.Sprintf("decide: a script sets %s in a way that was not understood", plainVariable(m[1])))
			continue
		}
		x.Sets = append(x.Sets, Setting{m[1], expr})
	}
	return strings.Contains(script, "pm.test") && len(statusCall().FindAllString(script, -1)) < strings.Count(script, "pm.test(") ||
		strings.Contains(script, "tests[")
}

// scriptExpr is a simple expression of a script in the flow language.
func scriptExpr(text string, roots []string) (string, bool) {
	if m := headerCall().FindStringSubmatch(text); m != nil {
		return `header["` + m[1] + `"]`, true
	}
	for _, root := range append(roots, "pm.response.json()", "JSON.parse(responseBody)") {
		path, ok := strings.CutPrefix(text, root)
		if !ok || !memberPath().MatchString(path) {
			continue
		}
		expr := "body"
		for _, m := range memberStep().FindAllStringSubmatch(path, -1) {
			if m[2] != "" {
				expr += "[" + strings.TrimLeft(m[2][:len(m[2])-1], "0") + m[2][len(m[2])-1:] + "]"
			} else {
				expr += memberExpr(m[1] + m[3])
			}
		}
		return expr, true
	}
	return "", false
}

// plainVariable is a variable's name that is fit for a comment.
func plainVariable(name string) string {
	if looksSecret(name) {
		return "a variable"
	}
	return name
}
