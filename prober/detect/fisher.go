package detect

import "math"

// fisher is Fisher's exact test, one-sided: of n runs, of which k failed, m share
// something; were failures independent of that, the probability that x of the m or
// more fail is what it returns. The table must make sense: x <= m <= n, x <= k <= n,
// and no more than n - m of the k elsewhere. It is never below the smallest
// positive float64, and relatively exact to about n times 1e-15.
func fisher(x, m, k, n int) float64 {
	low, high := max(0, k+m-n), min(m, k)
	if x <= low {
		return 1
	}
	// Both tails are summed up from their largest term, where the ratio of one to
	// the next is known: sums that cancel nothing.
	if mode := float64(m+1) * float64(k+1) / float64(n+2); float64(x) > mode {
		return max(upperTail(x, m, k, n, high), math.SmallestNonzeroFloat64)
	}
	return 1 - lowerTail(x-1, m, k, n, low)
}

// upperTail is P(X >= x), for an x above the mode.
func upperTail(x, m, k, n, high int) float64 {
	term := hypergeometric(x, m, k, n)
	sum := 0.0
	for ; x <= high && term > 0; x++ {
		sum += term
		term *= float64(m-x) / float64(x+1) * float64(k-x) / float64(n-m-k+x+1)
		if term < sum*1e-18 {
			break
		}
	}
	return min(sum, 1)
}

// lowerTail is P(X <= x), for an x at the mode or below.
func lowerTail(x, m, k, n, low int) float64 {
	term := hypergeometric(x, m, k, n)
	sum := 0.0
	for ; x >= low && term > 0; x-- {
		sum += term
		term *= float64(x) / float64(m-x+1) * float64(n-m-k+x) / float64(k-x+1)
		if term < sum*1e-18 {
			break
		}
	}
	return min(sum, 1)
}

// hypergeometric is P(X = x).
func hypergeometric(x, m, k, n int) float64 {
	return math.Exp(logChoose(m, x) + logChoose(n-m, k-x) - logChoose(n, k))
}

func logChoose(n, k int) float64 {
	return logFactorial(n) - logFactorial(k) - logFactorial(n-k)
}

func logFactorial(n int) float64 {
	l, _ := math.Lgamma(float64(n) + 1)
	return l
}
