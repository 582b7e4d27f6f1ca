package accounts

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"
)

// A Record is what has to be known of an account after the process has ended, so
// that neither a restart nor a crash in a loop harms it. It holds no secret.
type Record struct {
	// Attempts are the logins in a row, up to now, of which none is known to have
	// been accepted. One is added before it is sent.
	Attempts int `json:"attempts,omitzero"`
	// Refusals are all the logins that the bank refused without having been meant
	// to, and Refused is when the last of them was.
	Refusals uint64    `json:"refusals,omitzero"`
	Refused  time.Time `json:"refused,omitzero"`
	// Why the account is left alone, since when, and until when it rests; it is in
	// quarantine, until somebody releases it, where Until is zero.
	Why   Why       `json:"why,omitzero"`
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Day is the day of UTC, counted from 1970, of which the numbers below are.
	Day    int64 `json:"day,omitzero"`
	Logins int   `json:"logins,omitzero"`
	Used   Use   `json:"used,omitzero"`
}

// A Why says why an account is left alone. The list is closed.
type Why string

const (
	WhyRefused Why = "refused" // refused too many times in a row
	WhyLocked  Why = "locked"  // the bank says that it has locked the account
	WhyCutOff  Why = "cut off" // too many attempts ended with the process, so that nobody knows
	WhyCaptcha Why = "captcha" // the bank wants to see a human
	WhyOutage  Why = "outage"  // refused as most accounts are: it rests, and is tried again
)

var whys = []Why{"", WhyRefused, WhyLocked, WhyCaptcha, WhyCutOff, WhyOutage}

// Quarantined reports whether the account is left alone until it is released.
func (r *Record) Quarantined() bool { return r.Why != "" && r.Until.IsZero() }

// Resting reports whether the account is left alone for a while.
func (r *Record) Resting() bool { return r.Why != "" && !r.Until.IsZero() }

// Release lets an account in quarantine, or one that rests, be leased again. What
// it has used today stays.
func (r *Record) Release() { r.Attempts, r.Why, r.Since, r.Until = 0, "", time.Time{}, time.Time{} }

// On returns what was done on the day of UTC that now is in.
func (r *Record) On(now time.Time) (logins int, used Use) {
	if r.isOf(dayOf(now)) {
		return r.Logins, r.Used
	}
	return 0, Use{}
}

const day = 24 * time.Hour

// dayOf is the number of the day of UTC.
func dayOf(now time.Time) int64 { return Need{OncePerStep: day}.step(now) }

// isOf reports whether what the record counts is of the day: of a clock that has
// gone back a day, tomorrow is as good; one that was further ahead was wrong.
func (r *Record) isOf(day int64) bool { return r.Day == day || r.Day == day+1 }

// used is what the account has used on the day.
func (r *Record) used(day int64) Use {
	if r.isOf(day) {
		return r.Used
	}
	return Use{}
}

// begin counts a login, and what it may use, before it is made.
func (r *Record) begin(day int64, need Use) {
	if !r.isOf(day) {
		r.Day, r.Logins, r.Used = day, 0, Use{}
	}
	r.Attempts++
	r.Logins++
	r.Used = r.Used.plus(need)
	r.Why, r.Since, r.Until = "", time.Time{}, time.Time{}
}

// Encode writes the record as JSON.
func (r *Record) Encode() ([]byte, error) { return json.Marshal(r) }

// DecodeRecord reads what [Record.Encode] wrote. What it does not know is an
// error: a record of a later version may hold what protects an account.
func DecodeRecord(text []byte) (r Record, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Record{}, errors.New("what is stored of the account's logins is no record of them")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Record{}, errors.New("what is stored of the account's logins goes on after its end")
	}
	if !slices.Contains(whys, r.Why) || r.Attempts < 0 || r.Logins < 0 || r.Why == "" && !r.Until.IsZero() {
		return Record{}, errors.New("what is stored of the account's logins makes no sense")
	}
	if u := r.Used; min(u.Codes, u.Mails, u.Negative) < 0 {
		return Record{}, errors.New("what is stored of the account's logins makes no sense")
	}
	return r, nil
}

// A Book keeps the records of a pool's accounts. Save returns when the record
// outlives a loss of power. It is called by several goroutines at once, and never
// twice at once for one account.
type Book interface {
	// Load returns the zero Record where there is none.
	Load(account string) (Record, error)
	Save(account string, r Record) error
}
