package main

import (
	"math"
	"slices"
)

// summary is what is reported of a number that was measured once in each round.
type summary struct {
	n                 int
	median, low, high float64 // the quartiles
	least, most       float64
}

// summarize returns the summary of some values, which are left as they are.
func summarize(values []float64) summary {
	if len(values) == 0 {
		return summary{}
	}
	sorted := slices.Sorted(slices.Values(values))
	return summary{
		n: len(sorted), least: sorted[0], low: quantileOf(sorted, 0.25), median: quantileOf(sorted, 0.5),
		high: quantileOf(sorted, 0.75), most: sorted[len(sorted)-1],
	}
}

// quantileOf interpolates between the two nearest of sorted values.
func quantileOf(sorted []float64, share float64) float64 {
	at := share * float64(len(sorted)-1)
	below := int(math.Floor(at))
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}

// ratios divides round by round, so that what slows a whole round down cancels.
func ratios(values, base []float64) (quotients []float64) {
	for i := range min(len(values), len(base)) {
		quotients = append(quotients, values[i]/base[i])
	}
	return quotients
}
