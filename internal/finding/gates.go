package finding

// Gates are what Meta asks before everybody can sign in, and what no check of a configuration can
// see. docs is the address of the folder of the documentation.
func Gates(docs string) (found []Finding) {
	for _, gate := range []struct{ message, heading string }{
		{"App Review (Advanced Access): needed as soon as accounts sign in that are neither your testers nor your own", "app-review"},
		{"Business Verification: Meta asks for it together with Advanced Access", "business-verification"},
		{"Access Verification (Tech Provider): needed before other businesses can use an app with instagram_business_basic", "access-verification"},
		{"Data handling questions and the yearly Data Use Checkup: where it was overdue, Instagram has refused every call", "data-handling-and-the-data-use-checkup"},
	} {
		found = append(found, Note(gate.message, "see "+docs+"before-you-start.md#"+gate.heading))
	}
	return found
}
