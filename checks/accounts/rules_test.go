package accounts_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/authprober/authprober/checks/accounts"
	"github.com/authprober/authprober/prober"
)

func TestProtect(t *testing.T) {
	for want, r := range map[string]accounts.Rules{
		"": {Kind: accounts.Sacrificial, Attempts: 4, OutageAttempts: 4, AccountDay: accounts.Use{Codes: 1}},
		`pool "retail": 4 attempts in a row, want 1 to 3`:                    {Kind: accounts.Negative, Attempts: 4, OutageAttempts: 4},
		`pool "retail": 4 attempts in a row in an outage, want 2 to 3`:       {Kind: accounts.Negative, OutageAttempts: 4},
		`pool "retail": of all accounts: limit of 0 logins, want 1 to 10000`: {PoolLogins: accounts.Limit{Per: time.Second}},
		`pool "retail": -1 codes a day, want 1 to 1000000`:                   {AccountDay: accounts.Use{Codes: -1}},
		`pool "retail": 1000001 mails a day, want 1 to 1000000`:              {PoolDay: accounts.Use{Mails: 1_000_001}},
		`pool "retail": 5 attempts in a row, want 1 to 4`:                    {Attempts: 5},
		`pool "retail": 2 attempts in a row in an outage, want 3 to 4`:       {Attempts: 3, OutageAttempts: 2},
	} {
		got := ""
		if err := newPool(t, 1, accounts.Limit{}).Protect(r); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestDay uses up what a day has, of one account and of the pool.
func TestDay(t *testing.T) {
	b := &book{}
	p, _ := guarded(t, 2, accounts.Rules{AccountDay: accounts.Use{Codes: 3}, PoolDay: accounts.Use{Codes: 5, Negative: 1}}, b)
	one, two := accounts.Need{Use: accounts.Use{Codes: 1}}, accounts.Need{Use: accounts.Use{Codes: 2}}
	bad := accounts.Need{Use: accounts.Use{Negative: 1}}
	midnight := math.Ceil(float64(t0.Unix())/86400)*86400 - float64(t0.Unix())
	for i, tc := range []struct {
		now  float64
		need accounts.Need
		want string
	}{
		{0, two, "a0"},
		{0, two, "a1"},
		{0, two, "budget"}, // one is left of each, and of the pool
		{0, bad, "a0"},
		{0, bad, "budget"},
		{1, one, "a1"},
		{1, one, "budget"},
		{2, none, "a0"}, // which needs nothing of it
		{midnight - 0.1, one, "budget"},
		{midnight, two, "a1"},
		{midnight - 5, one, "a0"}, // the clock goes back a little: it is the same day still
		{midnight + 1, two, "a0"},
		{midnight + 2, one, "a1"},
		{midnight + 2, one, "budget"},
		{midnight - 86400*3, one, "a0"}, // a clock that was days ahead was wrong
	} {
		if got := try(t, p, tc.now, tc.need, accounts.Accepted); got != tc.want {
			t.Errorf("run %d: got %s, want %s", i, got, tc.want)
		}
	}
	b.records["a0"] = accounts.Record{} // and a1 has used 3 codes
	p, _ = guarded(t, 2, accounts.Rules{AccountDay: accounts.Use{Codes: 3, Mails: 4}, PoolDay: accounts.Use{Codes: 5, Negative: 1}}, b)
	want := []prober.Budget{{Name: "codes", Left: 2}, {Name: "mails", Left: 8}, {Name: "negative", Left: 1}}
	if diff := cmp.Diff(want, p.Status(at(midnight)).Budgets); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
}

// TestCapacityOfDay: what a day allows bounds the pool, each account by itself.
func TestCapacityOfDay(t *testing.T) {
	const perDay = 86400
	for _, tc := range []struct {
		rules accounts.Rules
		need  accounts.Use
		want  float64 // a day
	}{
		{accounts.Rules{AccountDay: accounts.Use{Codes: 5}}, accounts.Use{Codes: 2}, 3 * 2}, // the fifth of each is of no use
		{accounts.Rules{AccountDay: accounts.Use{Codes: 5}, PoolDay: accounts.Use{Codes: 5}}, accounts.Use{Codes: 1}, 5},
		{accounts.Rules{AccountDay: accounts.Use{Codes: 5}}, accounts.Use{Mails: 1}, math.Inf(1)},
		{accounts.Rules{PoolDay: accounts.Use{Mails: 7, Negative: 2}}, accounts.Use{Mails: 1, Negative: 1}, 2},
		{accounts.Rules{PoolLogins: accounts.Limit{Logins: 1, Per: time.Hour}}, accounts.Use{}, 24},
	} {
		p, _ := guarded(t, 3, tc.rules, nil)
		need := accounts.Need{Use: tc.need}
		if got := p.Capacity(need) * perDay; got != tc.want && math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%+v with %+v: got %v a day, want %v", tc.rules, tc.need, got, tc.want)
		}
		if tc.want > 10 {
			continue
		}
		for i := range 20 { // of which a day gives just as many
			if got := visit(p, at(float64(i)), need); (got == "budget") != (float64(i) >= tc.want) {
				t.Errorf("%+v with %+v: run %d: got %s", tc.rules, tc.need, i, got)
			}
		}
	}
}

// TestPoolLogins holds the sliding window of a whole pool against all that it leased.
func TestPoolLogins(t *testing.T) {
	limit := accounts.Limit{Logins: 5, Per: time.Minute}
	p, _ := guarded(t, 20, accounts.Rules{PoolLogins: limit}, nil)
	rnd := rand.New(rand.NewPCG(3, 4))
	var leased []float64
	now, missed := 0.0, 0
	for range 2000 {
		now += rnd.ExpFloat64() * 8
		recent := 0
		for _, was := range leased {
			if now-was < 59 {
				recent++
			}
		}
		got := visit(p, at(now), none)
		if recent >= 5 != (got == "budget") {
			t.Fatalf("at %v with %d logins in the window: got %s", now, recent, got)
		}
		if got == "budget" {
			missed++
		} else {
			leased = append(leased, now)
		}
	}
	if missed < 100 || len(leased) < 100 {
		t.Errorf("%d missed and %d leased: it tests nothing", missed, len(leased))
	}
	if got := p.Capacity(none); math.Abs(got-5.0/60) > 1e-12 {
		t.Errorf("capacity is %v, want 5 a minute", got)
	}
}

// TestShards: of random pools each account is in exactly one shard, whatever else is
// in the pool, and no shard is much larger than the others.
func TestShards(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		of, n := 1+rnd.IntN(9), 1+rnd.IntN(300)
		count := map[int]int{}
		for range n {
			pool, name := fmt.Sprintf("p%x", rnd.Uint32()), fmt.Sprintf("probe-%x", rnd.Uint64())
			owners := 0
			for i := range of {
				if (accounts.Shard{Number: i + 1, Of: of}).Owns(pool, name) {
					owners++
					count[i]++
				}
			}
			if owners != 1 {
				t.Fatalf("%s/%s has %d owners of %d shards", pool, name, owners, of)
			}
		}
		for i, got := range count {
			mean := float64(n) / float64(of)
			if math.Abs(float64(got)-mean) > 5*math.Sqrt(mean)+1 {
				t.Errorf("shard %d of %d has %d of %d accounts", i+1, of, got, n)
			}
		}
	}
	// The format: instances of two versions run beside each other in a roll-out.
	got := ""
	for i := range 12 {
		for n := range 3 {
			if (accounts.Shard{Number: n + 1, Of: 3}).Owns("retail", fmt.Sprintf("probe-%d", i)) {
				got += fmt.Sprint(n + 1)
			}
		}
	}
	if want := "131231122113"; got != want {
		t.Errorf("the shards are %s, want %s", got, want)
	}
	if !(accounts.Shard{}).Owns("a", "b") {
		t.Error("without shards somebody else has an account")
	}
}

// FuzzRecord: what is read is what was written, and whatever is read makes sense.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"attempts":2,"refusals":3,"refused":"2026-11-24T03:08:28Z","why":"refused","since":"2026-11-24T03:08:28Z"}`))
	f.Add([]byte(`{"day":20000,"logins":7,"used":{"codes":7,"negative":1},"why":"outage","until":"2026-11-24T03:08:28Z"}`))
	f.Add([]byte(`{"attempts":-1}`))
	f.Add([]byte(`{"used":{"mails":-1}}`))
	f.Add([]byte(`{"more":1}`))
	f.Add([]byte(`{} {}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := accounts.DecodeRecord(text)
		if err != nil {
			return
		}
		if r.Attempts < 0 || r.Logins < 0 || r.Quarantined() && r.Resting() {
			t.Errorf("%q is read as %+v", text, r)
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", r, err)
		}
		if back, err := accounts.DecodeRecord(again); err != nil || !cmp.Equal(r, back) {
			t.Errorf("%s is read back as %+v, %v", again, back, err)
		}
	})
}

func TestDecodeRecord(t *testing.T) {
	for _, text := range []string{``, `{"attempts":-1}`, `{"used":{"mails":-1}}`, `{"more":1}`, `{} {}`, `{"why":"x"}`, `{"until":"2026-11-24T03:08:28Z"}`, `[]`} {
		if r, err := accounts.DecodeRecord([]byte(text)); err == nil {
			t.Errorf("%s is read as %+v, want an error", text, r)
		}
	}
}
