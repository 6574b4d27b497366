package inetd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"inetd/internal/client"
	"inetd/internal/passing"
	"inetd/internal/plan"
	"inetd/internal/status"
	"inetd/internal/strerror"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// Status calls done with the state of the daemon, on the event loop. If it is to be
// brief, it tells of a service only what a table has columns for.
func (s *Server) Status(brief bool, done func(*status.Snapshot)) {
	fill := s.fill
	if brief {
		fill = s.outline
	}
	s.mail.Post(func() { s.collect(s.snapshot(), fill, done) })
}

// A filler fills in what is to be told of a service.
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
		for end := min(next+perSlice, len(s.services)); next < end; next++ {
			v := s.services[next]
			fill(&shot.Services[next], v, unstarted[v.Used])
		}
		if next < len(s.services) {
			s.mail.Post(more)
			return
		}
		done(shot)
	}
	more()
}

// unstarted counts the clients that have been admitted and whose servers are not yet
// started: something is being found out about them, or there is no room.
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
		Services: make([]status.Service, len(s.services)),
	}
	shot.Config, _ = json.Marshal(s.absolute()) // plain values, which have no error
	return shot
}

// absolute is the command line with paths that do not depend on the directory that
// the daemon runs in.
func (s *Server) absolute() plan.Config {
	c := s.cfg.Config
	c.Files = slices.Clone(c.Files)
	paths := []*string{&c.Services}
	for i := range c.Files {
		paths = append(paths, &c.Files[i])
	}
	for _, p := range paths {
		if abs, err := filepath.Abs(*p); *p != "" && err == nil {
			*p = abs
		}
	}
	return c
}

// outline fills in the counts and the state of a service.
func (s *Server) outline(to *status.Service, v *table.Service, unstarted int) {
	to.Service, to.State = v.Label, status.Listening
	if v.Do.Mux {
		to.State = status.HandedOut
	}
	for k := v.First; k != nil; k = k.Next {
		if k.FD < 0 {
			to.State = status.Closed
		}
	}
	to.Demand = s.relays.Demand(v)
	u := v.Used
	if u == nil {
		return
	}
	to.Running, to.Unstarted, to.Counts = u.Live-unstarted, unstarted, u.Counts
	to.Failures = append([]status.Failure(nil), u.Failures...) // the loop goes on with its own
	switch {
	case to.State == status.Closed:
	case u.Halted:
		to.State, to.Until = status.Suspended, u.Starts.End(v.Do.Limits.Window).Format(time.TimeOnly)
	case u.Full(v.Do.Limits):
		to.State = status.Full
	}
}

// fill fills in all that is to be told of a service.
func (s *Server) fill(to *status.Service, v *table.Service, unstarted int) {
	s.outline(to, v, unstarted)
	to.Place, to.Server, to.Limits = s.log.Place(v), v.Do.Path, v.Do.Limits
	if v.Do.Builtin != "" {
		to.Server = "internal " + v.Do.Builtin
	}
	if v.Do.Path == "" && v.Do.Passes() {
		to.Server = "relay to " + passing.Address(v.Do.Keys.Connect)
	}
	for i := range v.Do.Asks {
		a := &v.Do.Asks[i]
		to.Keys = append(to.Keys, status.Key{Key: a.Key, Text: a.Text, Place: a.Place()})
	}
	for k := v.First; k != nil; k = k.Next {
		to.Sockets = append(to.Sockets, status.Socket{Address: k.Where(), State: s.stateOf(k, unstarted)})
	}
}

// stateOf is what a socket is doing, in words, and why it is not open.
func (s *Server) stateOf(k *table.Socket, unstarted int) string {
	state := k.State(unstarted)
	if f := s.faults[k]; f != nil {
		state += ": " + strerror.Call(f.err)
	}
	return state
}

// DumpState writes what every service is doing to the log.
func (s *Server) DumpState() { s.mail.Post(s.dump) }

func (s *Server) dump() {
	unstarted := s.unstarted()
	for _, v := range s.services {
		for k := v.First; k != nil; k = k.Next {
			s.log.Noticef("%s: %s: %s", v.Label, k.Where(), k.State(unstarted[v.Used]))
		}
		if v.Do.Mux {
			s.log.Noticef("%s: %s", v.Label, v.MuxState())
		}
	}
	s.log.Noticef("%s, %s running", plan.Count(len(s.services), "service", "services"), plan.Count(s.running.Servers(), "server", "servers"))
}
