package inetd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"inetd/internal/child"
	"inetd/internal/plan"
	"inetd/internal/status"
	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// Status calls done with the state of the daemon, on the event loop.
func (s *Server) Status(done func(*status.Snapshot)) {
	s.mail.Post(func() { s.collect(s.snapshot(), done) })
}

// perSlice is how many services are looked at in one turn of the event loop. It takes
// less time than the start of a server.
const perSlice = 16

// collect fills in the services of a snapshot, some of them in each turn.
func (s *Server) collect(shot *status.Snapshot, done func(*status.Snapshot)) {
	of, next := s.now, 0
	var more func()
	more = func() {
		if s.now != of { // there was a reload in between
			s.collect(s.snapshot(), done)
			return
		}
		unstarted := s.unstarted()
		for end := min(next+perSlice, len(s.services)); next < end; next++ {
			v := s.services[next]
			s.fill(&shot.Services[next], v, unstarted[v.used])
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
func (s *Server) unstarted() map[*usage]int {
	n := map[*usage]int{}
	for _, a := range s.asked {
		n[a.svc.used]++
	}
	for i := range s.delayed {
		n[s.delayed[i].svc.used]++
	}
	return n
}

// servers counts the processes that serve clients, and not the daemon.
func (s *Server) servers() (n int) {
	for _, p := range s.processes {
		if p.svc != nil {
			n++
		}
	}
	return n
}

func (s *Server) snapshot() *status.Snapshot {
	var limit unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	shot := &status.Snapshot{
		Version: s.cfg.Version, PID: os.Getpid(), Goroutines: runtime.NumGoroutine(), Now: time.Now(), Started: s.begun,
		Loads: s.loads, Loaded: s.loadedAt, Changed: s.changedFiles, Files: s.now.files,
		DescriptorLimit: limit.Cur, LogLost: s.log.Lost(), Running: s.servers(), Delayed: len(s.delayed), Environment: s.environment(),
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

// fill fills in what is to be told of a service.
func (s *Server) fill(to *status.Service, v *service, unstarted int) {
	*to = status.Service{
		Service: v.label, Place: s.now.place(v), Server: v.do.Path, State: status.Listening,
		Limits: v.do.Limits,
	}
	for i := range v.do.asks {
		a := &v.do.asks[i]
		to.Keys = append(to.Keys, status.Key{Key: a.Key, Text: a.Text, Place: a.Place()})
	}
	if v.do.Builtin != "" {
		to.Server = "internal " + v.do.Builtin
	}
	if v.do.Path == "" && v.do.passes() {
		to.Server = "relay to " + placeOf(v.do.keys.Connect)
	}
	if v.do.Mux {
		to.State = status.HandedOut
	}
	for k := v.first; k != nil; k = k.next {
		to.Sockets = append(to.Sockets, status.Socket{Address: k.where(), State: s.stateOf(k, unstarted)})
		if k.fd < 0 {
			to.State = status.Closed
		}
	}
	u := v.used
	if u == nil {
		return
	}
	to.Running, to.Unstarted, to.Counts, to.Demand = u.Live-unstarted, unstarted, u.Counts, s.demand(v)
	to.Failures = append([]status.Failure(nil), u.Failures...) // the loop goes on with its own
	switch {
	case to.State == status.Closed:
	case u.suspended:
		to.State, to.Until = status.Suspended, u.Starts.End(v.do.Limits.Window).Format(time.TimeOnly)
	case u.Full(v.do.Limits):
		to.State = status.Full
	}
}

// stateOf is what a socket is doing, in words, and why it is not open.
func (s *Server) stateOf(k *socket, unstarted int) string {
	state := k.state(unstarted)
	if f := s.faults[k]; f != nil {
		state += ": " + strerror.Call(f.err)
	}
	return state
}

// countEnd counts the end of a server.
func (u *usage) countEnd(st child.Status) {
	switch {
	case st.Stage != child.Run: // counted by logEnd, which knows why
	case st.Wait == 0:
		u.EndedWell++
	case st.Wait.Signaled():
		u.Killed++
		u.Err(child.How(st.Wait), time.Now())
	default:
		u.EndedError++
		u.Err(child.How(st.Wait), time.Now())
	}
}
