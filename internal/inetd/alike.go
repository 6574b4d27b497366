package inetd

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"inetd/internal/plan"
	"inetd/internal/syslog"
)

// alike is a kind of line about a socket: what all lines of the kind say.
type alike struct {
	priority syslog.Priority
	text     string
}

// few reports whether a line of a kind is to be logged. One cause may hit
// thousands of sockets at once, so the fourth line and those after it are
// counted; tellRest, a second later at the latest, says how many there were.
func (s *Server) few(a alike) bool {
	if !s.told.Begun() {
		s.timers.After(time.Second, s.tellRest)
	}
	return s.told.Tell(a)
}

// tellRest logs how many lines were only counted.
func (s *Server) tellRest() {
	rest := s.told.Rest()
	for _, a := range slices.SortedFunc(maps.Keys(rest), func(a, b alike) int { return cmp.Compare(a.text, b.text) }) {
		s.log.Log(a.priority, plan.Count(rest[a], "more socket", "more sockets")+": "+a.text)
	}
}
