package checks

import (
	"time"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/checks/internal/secret"
	"github.com/authprober/authprober/checks/remember"
)

// recordName is under which an account's record is stored. No flow can name it so.
const recordName = "record of logins"

// A recordBook keeps the records of a pool where flows keep what they remember: in
// the account's own file, under the same lock, synced by the same rules, encrypted
// by the same key, and moved away with it.
type recordBook struct {
	store *remember.Store
	pool  string
}

// Load implements [accounts.Book].
func (b recordBook) Load(account string) (accounts.Record, error) {
	stored, err := b.store.Get(remember.Account{Pool: b.pool, Name: account})
	if err != nil {
		return accounts.Record{}, err
	}
	return RecordOf(stored)
}

// Save implements [accounts.Book].
func (b recordBook) Save(account string, r accounts.Record) error {
	text, err := r.Encode()
	if err != nil {
		return err
	}
	return b.store.Put(remember.Account{Pool: b.pool, Name: account},
		map[string]remember.Value{recordName: {JSON: secret.New(string(text)), Since: time.Now()}})
}

// RecordOf returns the record of logins among what is remembered of an account; the
// zero one if there is none.
func RecordOf(stored map[string]remember.Value) (accounts.Record, error) {
	v, there := stored[recordName]
	if !there {
		return accounts.Record{}, nil
	}
	return accounts.DecodeRecord([]byte(v.JSON.Reveal()))
}

// ReleaseAccount lets an account be leased again that is in quarantine or rests. It
// returns the record as it was.
func ReleaseAccount(store *remember.Store, account remember.Account) (accounts.Record, error) {
	b := recordBook{store, account.Pool}
	was, err := b.Load(account.Name)
	if err != nil {
		return was, err
	}
	now := was
	now.Release()
	if now == was {
		return was, nil
	}
	return was, b.Save(account.Name, now)
}
