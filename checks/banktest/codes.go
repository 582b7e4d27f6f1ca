package banktest

import (
	"crypto/subtle"
	"time"

	"github.com/authprober/authprober/checks/internal/otp"
)

// judgeTOTP judges a code by the clock of the backend; one that is wrong by that
// alone does not count towards a lock. The caller holds mu.
func (v *vault) judgeTOTP(c *customer, code string, now, backendNow time.Time) *refusal {
	step, ok := otp.Verify(c.key, code, backendNow, 1, otp.Options{})
	if !ok {
		if _, right := otp.Verify(c.key, code, now, 1, otp.Options{}); right {
			c.stats.Refused++
			return refuseCode
		}
		return v.wrong(c, &c.wrongCodes, now, refuseCode)
	}
	if step < c.nextStep && !v.options.ReuseCodes {
		c.stats.Refused++
		return refuseCode
	}
	c.nextStep = max(c.nextStep, step+1)
	return nil
}

// lookAhead is how many counters are tried from the next one on, RFC 4226 section
// 7.4: a phone may have shown codes that were never sent.
const lookAhead = 10

// judgeHOTP judges a code by the customer's counter. The code of a counter that has
// been passed is a wrong one. The caller holds mu.
func (v *vault) judgeHOTP(c *customer, code string, now time.Time) *refusal {
	for n := c.nextCounter; n < c.nextCounter+lookAhead; n++ {
		if subtle.ConstantTimeCompare([]byte(otp.HOTP(c.counterKey, n, 0)), []byte(code)) == 1 {
			c.nextCounter = n + 1
			return nil
		}
	}
	return v.wrong(c, &c.wrongCodes, now, refuseCode)
}
