package main

import "testing"

// The mutants are tried by `make mutants`. Here, and at each run of the tests, it is seen
// that they still fit the code.
func TestEachMutantFitsTheCode(t *testing.T) {
	if len(mutants) < 12 {
		t.Errorf("%d mutants, want a dozen at least", len(mutants))
	}
	files, err := readSources("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		if _, _, err := m.broken(files); err != nil {
			t.Error(err)
		}
	}
}
