package inetd

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"inetd/internal/plan"
	"inetd/internal/syslog"
)

// fewLines is how many lines of a kind are logged before they are only counted.
const fewLines = 3

// alike is a kind of line about a socket: what all lines of the kind say.
type alike struct {
	priority syslog.Priority
	text     string
}

// few reports whether a line of a kind is to be logged. One cause may hit
// thousands of sockets at once, so the fourth line and those after it are
// counted; tellRest, a second later at the latest, says how many there were.
func (s *Server) few(a alike) bool {
	if len(s.told) == 0 {
		s.told = map[alike]int{}
		s.timers.After(time.Second, s.tellRest)
	}
	s.told[a]++
	return s.told[a] <= fewLines
}

// tellRest logs how many lines were only counted.
func (s *Server) tellRest() {
	kinds := slices.SortedFunc(maps.Keys(s.told), func(a, b alike) int { return cmp.Compare(a.text, b.text) })
	for _, a := range kinds {
		if n := s.told[a] - fewLines; n > 0 {
			s.log.Log(a.priority, plan.Count(n, "more socket", "more sockets")+": "+a.text)
		}
	}
	s.told = nil
}
