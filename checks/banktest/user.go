package banktest

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"strings"
	"time"
)

// A User is what a customer knows. It prints as the user name alone, and JSON
// has no more of it.
type User struct {
	Username   string `json:"username"`
	Password   string `json:"-"`
	TOTPSecret string `json:"-"` // base32; 6 digits, 30 seconds, SHA-1
	HOTPSecret string `json:"-"` // base32; 6 digits; the counter begins with 0
}

// String returns the user name.
func (u User) String() string { return u.Username }

// GoString returns the user name.
func (u User) GoString() string { return "banktest.User(" + u.Username + ")" }

// Users returns the customers. Which they are depends on the seed alone, and
// the first of many are those of a smaller bank. Among any eight that follow
// each other are passwords with quotes of both kinds, a backslash, spaces and
// characters beyond ASCII, and a user name beyond ASCII.
func (b *Bank) Users() []User {
	users := make([]User, len(b.vault.customers))
	for i, c := range b.vault.customers {
		users[i] = c.User
	}
	return users
}

// A customer is a user and all that the bank holds of them.
type customer struct {
	User
	index        uint32
	key          []byte
	counterKey   []byte
	passwordHash [sha256.Size]byte
	accounts     []byte // the answer of GET /v1/accounts; immutable

	// Guarded by vault.mu.
	wrongPasswords, wrongCodes int // in a row
	locked                     bool
	lockedUntil                time.Time // zero is for good
	nextStep                   uint64    // the first TOTP step that has not been used up
	nextCounter                uint64    // the first HOTP counter that has not been used up
	devices                    []*device
	sessions                   []*session
	challenges                 []*challenge
	stats                      UserStats
}

// extras are what makes passwords hard to carry: one customer in eight each.
var extras = [8]string{"", `"`, `'`, `\`, "ß€", " & ", "%2B+", "日本"}

func newCustomers(seed uint64, n int) ([]*customer, error) {
	customers := make([]*customer, n)
	for i := range customers {
		r := newRand(seed, "customer", i)
		name := fmt.Sprintf("probe-%d-%04x@bank.test", i+1, r.Uint32()&0xffff)
		if i%8 == 4 {
			name = "zoë-" + name
		}
		key, counterKey := newKey(r), newKey(newRand(seed, "hotp", i))
		password := letters(r, 9) + extras[i%len(extras)] + letters(r, 9)
		accounts, err := json.Marshal(map[string]any{"accounts": newAccounts(r)})
		if err != nil {
			return nil, fmt.Errorf("making accounts: %w", err)
		}
		customers[i] = &customer{
			User: User{
				Username: name, Password: password,
				TOTPSecret: base32.StdEncoding.EncodeToString(key),
				HOTPSecret: base32.StdEncoding.EncodeToString(counterKey),
			},
			index: uint32(i), key: key, counterKey: counterKey, passwordHash: sha256.Sum256([]byte(password)), accounts: accounts,
		}
	}
	return customers, nil
}

// newKey returns the key of one-time codes: 160 bits, RFC 4226 section 4.
func newKey(r *mathrand.Rand) []byte {
	key := make([]byte, 20)
	for i := range key {
		key[i] = byte(r.Uint32())
	}
	return key
}

type account struct {
	ID       string      `json:"id"`
	Name     string      `json:"name"`
	IBAN     string      `json:"iban"`
	Balance  json.Number `json:"balance"`
	Currency string      `json:"currency"`
}

// newAccounts returns one to three accounts.
func newAccounts(r *mathrand.Rand) []account {
	accounts := make([]account, 1+r.IntN(3))
	for i := range accounts {
		accounts[i] = account{
			ID:       fmt.Sprintf("acc_%016x", r.Uint64()),
			Name:     [...]string{"Current", "Savings", "Crédit"}[i],
			IBAN:     newIBAN(r),
			Balance:  json.Number(fmt.Sprintf("%d.%02d", r.IntN(20000), r.IntN(100))),
			Currency: "EUR",
		}
	}
	return accounts
}

// newIBAN returns a German account number with valid check digits, ISO 13616.
func newIBAN(r *mathrand.Rand) string {
	bban := fmt.Sprintf("%018d", r.Uint64N(1e18))
	number, _ := new(big.Int).SetString(bban+"131400", 10) // D is 13, E is 14
	rest := new(big.Int).Mod(number, big.NewInt(97)).Int64()
	return fmt.Sprintf("DE%02d%s", 98-rest, bban)
}

func letters(r *mathrand.Rand, n int) string {
	const alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
	var b strings.Builder
	for range n {
		b.WriteByte(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}

// newRand returns the n-th source of randomness for a purpose: the same for
// the same seed, and unlike every other.
func newRand(seed uint64, purpose string, n int) *mathrand.Rand {
	input := binary.BigEndian.AppendUint64([]byte(purpose), seed)
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(input, uint64(n)))
	return mathrand.New(mathrand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}
