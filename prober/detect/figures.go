package detect

import "strconv"

// Figures writes a number for people, rounded to so many significant digits, one or
// more, without an exponent and without zeros that say nothing: 0.000077, 12.5, 1230.
func Figures(x float64, digits int) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64)
	if err != nil { // rounded up beyond what there is
		rounded = x
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
