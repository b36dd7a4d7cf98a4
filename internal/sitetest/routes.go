package sitetest

import (
	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
)

// Findings are those about the routes of a configuration: of Caddy at start, and of the doctor.
type Findings struct{ AtStart, Doctor []finding.Finding }

// CheckRoutes returns the findings of the doctor about the routes of a configuration file. It
// does not have Caddy load it, and asks nobody.
func CheckRoutes(file string) (found Findings, err error) {
	routes, err := doctor.OfModule.Routes(file)
	if err != nil {
		return found, err
	}
	defer routes.Close()
	return Findings{routes.AtStart(), routes.Doctor()}, nil
}

// ChecksOf returns what makes all checks at start of a configuration file once more.
func ChecksOf(file string) (check func(), err error) {
	routes, err := doctor.OfModule.Routes(file)
	if err != nil {
		return nil, err
	}
	return func() { routes.AtStart() }, nil
}
