package e2e

import "testing"

// Pages that stay open know their visitor over each version of HTTP, also where visitors
// share a connection.
func TestH1_PagesThatStayOpenKnowTheirVisitor(t *testing.T) {
	s := startStreams(t, raceBinary, 1)
	lines := s.lines(s.nodes[0])
	pages := append(s.openAll(s.holder("visitor1", 0), lines), s.openAll(s.holder("visitor2", 0), lines)...)
	s.wantOpen(pages...)
}
