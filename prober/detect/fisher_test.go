package detect

import (
	"math"
	"math/big"
	"testing"
)

// exactFisher is the definition, in fractions.
func exactFisher(x, m, k, n int) float64 {
	choose := func(n, k int) *big.Int { return new(big.Int).Binomial(int64(n), int64(k)) }
	sum := new(big.Int)
	for ; x <= min(m, k); x++ {
		if k-x <= n-m {
			sum.Add(sum, new(big.Int).Mul(choose(m, x), choose(n-m, k-x)))
		}
	}
	p, _ := new(big.Rat).SetFrac(sum, choose(n, k)).Float64()
	return p
}

func TestFisherSmallTables(t *testing.T) {
	tables := 0
	for n := 1; n <= 22; n++ {
		for m := 0; m <= n; m++ {
			for k := 0; k <= n; k++ {
				for x := max(0, k+m-n); x <= min(m, k); x++ {
					tables++
					got, want := fisher(x, m, k, n), exactFisher(x, m, k, n)
					if math.Abs(got-want) > 1e-12*want {
						t.Fatalf("%d of %d, %d of %d in all: got %v, want %v", x, m, k, n, got, want)
					}
				}
			}
		}
	}
	t.Logf("%d tables", tables)
}

func TestFisherLargeTables(t *testing.T) {
	t.Parallel()
	for _, tt := range [][4]int{
		{12, 31, 12, 433}, {4, 44, 4, 222}, {1, 1, 5, 4096}, {60, 900, 80, 4096}, {10, 2000, 30, 4096},
		{500, 1000, 1000, 4096}, {2048, 2048, 2048, 4096}, {0, 2048, 2048, 4096}, {245, 1000, 1000, 4096},
		{300, 1000, 1000, 20_000}, {2, 1000, 1000, 100_000},
	} {
		got, want := fisher(tt[0], tt[1], tt[2], tt[3]), exactFisher(tt[0], tt[1], tt[2], tt[3])
		if want < 1e-300 {
			want = math.SmallestNonzeroFloat64
		}
		if math.Abs(got-want) > 1e-8*want {
			t.Errorf("%v: got %v, want %v", tt, got, want)
		}
	}
}

// FuzzFisher wants a probability that falls as more fail.
func FuzzFisher(f *testing.F) {
	f.Add(uint16(12), uint16(31), uint16(12), uint16(433))
	f.Fuzz(func(t *testing.T, x, m, k, n uint16) {
		if n == 0 || m > n || k > n {
			return
		}
		low, high := max(0, int(k)+int(m)-int(n)), min(int(m), int(k))
		at := low + int(x)%(high-low+1)
		p := fisher(at, int(m), int(k), int(n))
		if !(p > 0 && p <= 1) || at == low && p != 1 {
			t.Fatalf("got %v", p)
		}
		if at < high {
			if q := fisher(at+1, int(m), int(k), int(n)); q > p {
				t.Fatalf("got %v for %d and %v for one more", p, at, q)
			}
		}
	})
}
