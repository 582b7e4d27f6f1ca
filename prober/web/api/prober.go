package api

import (
	"time"

	"github.com/authprober/authprober/prober"
)

// A Prober is how the prober itself is.
type Prober struct {
	Version       string    `json:"version"`
	Revision      string    `json:"revision,omitempty"`
	Running       bool      `json:"running"`
	Started       time.Time `json:"started"`
	Checks        int       `json:"checks"`
	Lag           float64   `json:"lag_seconds"`       // how late the last run began, our own fault
	WorstLag      float64   `json:"worst_lag_seconds"` // and the worst of the last 256
	Requests      float64   `json:"requests_an_hour"`  // the most that all checks may ask for
	Logins        float64   `json:"logins_an_hour"`
	Configuration []Setting `json:"configuration"`
	Warnings      []string  `json:"warnings"`
	Reload        Reload    `json:"reload"`
	History       *History  `json:"history,omitempty"`
}

// A Setting is one of the configuration; none of them is a secret.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Reload is the last time that the configuration was read.
type Reload struct {
	OK    bool      `json:"ok"`
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"`
}

// A History is how what is kept of the past is.
type History struct {
	Durable      bool       `json:"durable"` // it outlives the process
	File         string     `json:"file,omitempty"`
	Bytes        int64      `json:"bytes"`
	Oldest       *time.Time `json:"oldest,omitempty"`
	Dropped      uint64     `json:"dropped"`
	WritesFailed uint64     `json:"writes_failed"`
	LastError    string     `json:"last_error,omitempty"`
}

// Accounts are the pools of test accounts, and each account by itself: those that are
// left alone first.
type Accounts struct {
	Pools    []Pool    `json:"pools"`
	Accounts []Account `json:"accounts"`
}

// An Account is how one account stands.
type Account struct {
	Pool     string     `json:"pool"`
	Account  string     `json:"account"`
	State    string     `json:"state"` // quarantined, resting, leased, cooling or free
	Why      string     `json:"why,omitempty"`
	Since    *time.Time `json:"since,omitempty"`
	Until    *time.Time `json:"until,omitempty"`
	Refusals uint64     `json:"refusals"`
	Logins   int        `json:"logins_today"`
	Budgets  []Budget   `json:"budgets"`
}

// NewAccount puts an account into the API's words.
func NewAccount(s prober.AccountStatus) Account {
	return Account{Pool: s.Pool, Account: s.Name, State: string(s.State), Why: s.Why, Since: moment(s.Since), Until: moment(s.Until),
		Refusals: s.Refusals, Logins: s.Logins, Budgets: newBudgets(s.Budgets)}
}

func newBudgets(all []prober.Budget) []Budget {
	out := []Budget{}
	for _, b := range all {
		out = append(out, Budget{b.Name, b.Left})
	}
	return out
}

// A Pool is how one pool stands.
type Pool struct {
	Pool        string   `json:"pool"`
	Free        int      `json:"free"`
	Leased      int      `json:"leased"`
	Cooling     int      `json:"cooling"`
	Quarantined int      `json:"quarantined"`
	Logins      uint64   `json:"logins"`
	Refusals    uint64   `json:"refusals"`
	Budgets     []Budget `json:"budgets"`
}

// A Budget is what is left today of one thing.
type Budget struct {
	Budget string `json:"budget"` // codes, mails or negative
	Left   int    `json:"left"`
}

// NewPool puts a pool into the API's words.
func NewPool(s prober.PoolStatus) Pool {
	return Pool{s.Name, s.Free, s.Leased, s.Cooling, s.Quarantined, s.Logins, s.Refusals, newBudgets(s.Budgets)}
}
