// This file tells the state of the daemon from the table, a few services in each turn of
// the loop.

package inetd

import (
	"encoding/json"
	"net/netip"
	"os"
	"runtime"
	"time"

	"inetd/internal/client"
	"inetd/internal/plaintext"
	"inetd/internal/status"
	"inetd/internal/strerror"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// Status calls done with the state of the daemon, on the event loop. If brief is set, a
// service has only what the table of package status has columns for.
func (s *Server) Status(brief bool, done func(*status.Snapshot)) {
	fill := s.fill
	if brief {
		fill = s.outline
	}
	s.mail.Post(func() { s.collect(s.snapshot(), fill, done) })
}

// StatusFor is like Status with all details; each service also says why it would turn away
// a client at the address from.
func (s *Server) StatusFor(from netip.Addr, done func(*status.Snapshot)) {
	fill := func(to *status.Service, v *table.Service, unstarted int) {
		s.fill(to, v, unstarted)
		to.Against = s.door.Against(v, from)
	}
	s.mail.Post(func() { s.collect(s.snapshot(), fill, done) })
}

// A filler fills in the state of one service.
type filler func(to *status.Service, v *table.Service, unstarted int)

// perSlice is how many services are looked at in one turn of the event loop. It takes
// about as long as the start of a server.
const perSlice = 64

// collect fills in the services of a snapshot, some of them in each turn.
func (s *Server) collect(shot *status.Snapshot, fill filler, done func(*status.Snapshot)) {
	of, next := s.now.Generation, 0
	var more func()
	more = func() {
		if s.now.Generation != of { // there was a reload in between
			s.collect(s.snapshot(), fill, done)
			return
		}
		unstarted := s.unstarted()
		for end := min(next+perSlice, len(s.now.Services)); next < end; next++ {
			v := s.now.Services[next]
			fill(&shot.Services[next], v, unstarted[v.Used])
		}
		if next < len(s.now.Services) {
			s.mail.Post(more)
			return
		}
		done(shot)
	}
	more()
}

// unstarted counts the clients that have been admitted but whose servers have not started:
// an inquiry about them is under way, or there is no room for a process.
func (s *Server) unstarted() map[*table.Usage]int {
	n := map[*table.Usage]int{}
	s.inquiries.Each(func(v *table.Service, _ client.Client) { n[v.Used]++ })
	for i := range s.delayed {
		n[s.delayed[i].svc.Used]++
	}
	return n
}

func (s *Server) snapshot() *status.Snapshot {
	var limit unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	shot := &status.Snapshot{
		Version: s.cfg.Version, PID: os.Getpid(), Goroutines: runtime.NumGoroutine(), Now: time.Now(), Started: s.begun,
		Loads: s.loads, Loaded: s.loadedAt, Changed: s.changedFiles, Files: s.now.Files,
		DescriptorLimit: limit.Cur, LogLost: s.log.Lost(), Running: s.running.Servers(), Delayed: len(s.delayed), Environment: s.environment(),
		Services: make([]status.Service, len(s.now.Services)),
	}
	shot.Directory, _ = os.Getwd()
	shot.Config, _ = json.Marshal(s.cfg.Absolute(shot.Directory)) // plain values, which have no error
	return shot
}

// outline fills in the counts and the state of a service.
func (s *Server) outline(to *status.Service, v *table.Service, unstarted int) {
	v.Outline(to, unstarted)
	if to.Demand = s.relays.Demand(v); to.Demand != nil && to.Demand.Server != nil {
		to.Running = to.Demand.Server.Processes()
	}
}

// fill fills in everything about a service.
func (s *Server) fill(to *status.Service, v *table.Service, unstarted int) {
	s.outline(to, v, unstarted)
	v.Details(to, unstarted)
	to.Place = s.log.Place(v)
	for k, i := v.First, 0; k != nil; k, i = k.Next, i+1 {
		if err := s.sockets.Fault(k); err != nil {
			to.Sockets[i].State += ": " + strerror.Call(err)
		}
	}
}

// DumpState writes what every service is doing to the log.
func (s *Server) DumpState() { s.mail.Post(s.dump) }

func (s *Server) dump() {
	unstarted := s.unstarted()
	for _, v := range s.now.Services {
		for k := v.First; k != nil; k = k.Next {
			s.log.Noticef("%s: %s", k.Subject(), k.State(unstarted[v.Used]))
		}
		if v.Do.Mux {
			s.log.Noticef("%s: %s", v.Label, v.MuxState())
		}
	}
	s.log.Noticef("%s, %s running", plaintext.Count(len(s.now.Services), "service", "services"), plaintext.Count(s.running.Servers(), "server", "servers"))
}
