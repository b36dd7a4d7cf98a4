// Package spelling knows what people mean who mistype a name, and keeps secrets in the wrong place
// out of what they are told.
package spelling

import (
	"slices"
	"strings"
)

// farthest is how many letters may be wrong.
const farthest = 2

// Nearest returns the name that a word stands for, "" if none is near: at most two letters are
// missing, too many, swapped or others.
func Nearest(word string, names []string) string {
	best, distance := "", farthest+1
	for _, name := range slices.Sorted(slices.Values(names)) {
		// In a short word two letters make another one.
		if d := between(plain(word), plain(name)); d < distance && d <= max(len(name)/3, 1) {
			best, distance = name, d
		}
	}
	return best
}

// plain returns a word without what people do not care about: capital letters, and what joins
// words.
func plain(word string) string {
	return strings.NewReplacer("-", "_", " ", "_", "'", "", "\"", "", "[", "", "]", "").Replace(strings.ToLower(word))
}

// between counts the letters that lie between two words. (Optimal string alignment.)
func between(a, b string) int {
	previous, row := []int(nil), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before := row
		row = make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+1)
			if a[i-1] == b[j-1] {
				row[j] = min(row[j], before[j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], previous[j-2]+1)
			}
		}
		previous = before
	}
	return row[len(b)]
}
