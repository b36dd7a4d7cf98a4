package simulator

import "net/http"

type misdeed struct{}

type Fault struct{}

func (s *Simulator) nextFault(Endpoint) (Fault, bool)                                              { return Fault{}, false }
func (s *Simulator) misbehave(f Fault, h http.HandlerFunc, w http.ResponseWriter, r *http.Request) {}
func (s *Simulator) serveControl(w http.ResponseWriter, r *http.Request)                           {}
func (s *Simulator) serveLongLived(w http.ResponseWriter, r *http.Request)                         {}
func (s *Simulator) serveRefresh(w http.ResponseWriter, r *http.Request)                           {}
func (s *Simulator) serveMedia(w http.ResponseWriter, c graphCall)                                 {}
