# An hour of recorded runs, ten a second over five backends, as backtest reads them.
# From the 30th minute on, with the next release, 10 % of those on b3 fail: 2 % of all.
BEGIN {
  s = 7
  for (i = 0; i < 36000; i++) {
    s = s * 16807 % 2147483647
    b = i % 5 + 1
    print 1763600000 + int(i / 10) "." i % 10 "," (i >= 18000 && b == 3 && s < 214748365 ? "failed" : "passed") ",release=2026.11." (i < 18000 ? 2 : 3) ",backend=b" b
  }
}
