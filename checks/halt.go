package checks

import (
	"bytes"
	"slices"
	"strings"

	"github.com/authprober/authprober/checks/accounts"
)

// lockedCodes are error codes that say that an account is locked, spelled as errorCode
// spells them. A bank that has others says them in the flow's `locked`.
var lockedCodes = []string{
	"account_locked", "account_blocked", "account_disabled", "account_suspended", "account_locked_out",
	"user_locked", "user_blocked", "user_disabled", "user_locked_out", "locked_out",
}

// captchaMarks are in a page that wants to see a human.
var captchaMarks = [][]byte{
	[]byte("g-recaptcha"), []byte("/recaptcha/api"), []byte("h-captcha"), []byte("hcaptcha.com"), []byte("cf-turnstile"),
	[]byte("challenges.cloudflare.com"),
}

// captchaHeaders are what firewalls put beside such a page.
var captchaHeaders = map[string][]string{
	"Cf-Mitigated":      {"challenge"},
	"X-Amzn-Waf-Action": {"captcha", "challenge"},
}

// noteHalt looks in the answer to a step that failed, or that was refused as it should
// be, for what the account is to be left alone for at once.
func (s *Session) noteHalt(st *step, failed bool) {
	if s.lease == nil || s.answer.status == 0 || st.isAside() || !failed && len(st.Refuse) == 0 {
		return
	}
	codes := s.errorCodes()
	switch {
	case slices.ContainsFunc(codes, func(code string) bool { return slices.Contains(lockedCodes, code) }), failed && s.saysLocked():
		s.lease.Halt(accounts.WhyLocked)
	case slices.ContainsFunc(codes, func(code string) bool { return strings.Contains(code, "captcha") }), failed && s.answer.wantsHuman():
		s.lease.Halt(accounts.WhyCaptcha)
	}
}

// saysLocked reports whether a condition of the flow's holds.
func (s *Session) saysLocked() bool {
	s.show()
	return slices.ContainsFunc(s.flow.locked, func(e Expr) bool {
		v, err := s.evalAnswer(e.program)
		return err == nil && v == true
	})
}

// errorCodes are what a refusal in JSON may have for its code, in words with _ between
// them: of the members error, code, reason and their like, of the object or of what it
// calls error.
func (s *Session) errorCodes() (codes []string) {
	if s.answer.status < 400 || s.parseBody() != nil {
		return nil
	}
	object, _ := s.answer.json.(map[string]any)
	inner, _ := object["error"].(map[string]any)
	for _, o := range []map[string]any{object, inner} {
		for _, name := range []string{"error", "code", "error_code", "errorCode", "reason"} {
			if text, ok := o[name].(string); ok && len(text) <= 100 {
				codes = append(codes, codeWords.Replace(strings.ToLower(text)))
			}
		}
	}
	return codes
}

var codeWords = strings.NewReplacer("-", "_", ".", "_", " ", "_")

// wantsHuman reports whether the answer is a page that wants to see a human.
func (a *answer) wantsHuman() bool {
	for name, values := range captchaHeaders {
		if slices.Contains(values, strings.ToLower(a.header.Get(name))) {
			return true
		}
	}
	if !strings.Contains(a.mediaType(), "html") {
		return false
	}
	page := bytes.ToLower(a.body)
	return slices.ContainsFunc(captchaMarks, func(mark []byte) bool { return bytes.Contains(page, mark) })
}
