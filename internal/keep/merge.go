package keep

import (
	"fmt"
	"time"

	"inetd/internal/plaintext"
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// Merge puts a generation into force. Sockets that are still wanted stay open, with their
// queue and the wait server that has them. The others are closed before new ones are
// opened, because an entry may have moved from a wildcard address to one address, or back.
func (s *Sockets) Merge(g *table.Generation) {
	before := s.loop.Now.Generation
	s.loop.Now.Generation = g // first of all: log lines name places of g
	old := make(map[sock.Spec]*table.Socket, before.Sockets)
	for _, v := range before.Services {
		for k := v.First; k != nil; k = k.Next {
			old[k.Spec] = k
		}
	}
	var fresh []*table.Socket
	for _, v := range g.Services {
		for at := &v.First; *at != nil; at = &(*at).Next {
			k := *at
			have, ok := old[k.Spec]
			if !ok {
				s.formers.Recall(v, k.Spec)
				fresh = append(fresh, k)
				continue
			}
			delete(old, k.Spec)
			*at, have.Next = have, k.Next
			s.hand(have, v)
			if have.FD < 0 { // what kept it from being opened may be mended by now
				fresh = append(fresh, have)
			}
		}
	}
	s.inheritMux(before.Mux)
	goesOn := table.Usages(g.Services)
	for _, k := range old {
		s.formers.Keep(k.Service, k.Spec, goesOn)
		s.tellHeld(k)
		s.shut(k)
	}
	for _, v := range before.Mux {
		s.formers.Keep(v, sock.Spec{}, goesOn)
	}
	for _, k := range fresh {
		s.retry(k)
	}
	s.watchNetwork()
	s.Register()
	s.tellRest()
}

// Serving says how many services clients can reach, by an open socket or by tcpmux:
// "2 services", or "1 of 2 services".
func (s *Sockets) Serving() string {
	open := 0
	for _, v := range s.loop.Now.Services {
		if v.First == nil {
			open++
		}
		for k := v.First; k != nil; k = k.Next {
			if k.FD >= 0 {
				open++
				break
			}
		}
	}
	all := plaintext.Count(len(s.loop.Now.Services), "service", "services")
	if open == len(s.loop.Now.Services) {
		return all
	}
	return fmt.Sprintf("%d of %s", open, all)
}

// hand gives a socket and its usage to the service that has the socket after a reload.
func (s *Sockets) hand(k *table.Socket, v *table.Service) {
	was := k.Service.Do
	if v.Used == nil {
		v.Used = k.Service.Used
	}
	k.Service = v
	if v.Used != nil && *was.Action != *v.Do.Action {
		v.Used.Fitness = table.Fitness{}
	}
	if u := v.Used; u != nil && u.Halted {
		l, now := v.Do.Limits, time.Now()
		u.Halted = u.Starts.Full(now, l.Starts, l.Window) && !v.Do.RefusesFull()
		if u.Halted && l.Window != was.Limits.Window {
			s.loop.Gate.ResumeAfter(u, u.Starts.End(l.Window).Sub(now))
		}
	}
	if k.FD < 0 {
		return
	}
	if why := s.unsound(k); why != "" && k.Server == 0 {
		s.reopen(k, why)
		return
	}
	if was.Options != v.Do.Options {
		s.apply(k, was.Options)
	}
	s.loop.Gate.Arm(k)
}

// apply sets the options of its service on an open socket that had those of was, and resets
// those that the key sockopt asked for before and no longer does. A socket that a wait
// server has is left alone: the server shares its modes. Its path is not.
func (s *Sockets) apply(k *table.Socket, was sock.Options) {
	v, o := k.Service, k.Service.Do.Options
	if ours := s.paths[k]; ours != (sock.File{}) {
		if err := sock.Own(k.Spec, was, o, ours); err != nil {
			s.loop.Log.Tell(syslog.Err, v, v.Label+": "+strerror.Call(err), k.Spec.String(), "")
		}
	}
	was.Mode, was.UID, was.GID = o.Mode, o.UID, o.GID
	if was == o {
		return
	}
	if k.Server != 0 {
		s.loop.Log.Tell(syslog.Notice, v, fmt.Sprintf("%s: process %d still has the socket", v.Label, k.Server), "", "; the change takes effect when it ends")
		return
	}
	if err := sock.Apply(int(k.FD), k.Spec, o); err != nil {
		s.loop.Log.Tell(syslog.Err, v, v.Label+": "+strerror.Call(err), k.Spec.String(), "")
	}
	if err := sock.Retune(int(k.FD), k.Spec, was.Tuning, o); err != nil {
		s.loop.Log.Errorf("%s: %s: %s", v.Label, k.Spec, strerror.Call(err))
	}
	sock.Listen(int(k.FD), k.Spec, o)
}

// inheritMux gives the services of tcpmux the usage that they had before, by their labels.
// Other services get their usage with their sockets.
func (s *Sockets) inheritMux(before []*table.Service) {
	used := map[string]*table.Usage{}
	for _, v := range before {
		used[v.Label] = v.Used
	}
	for _, v := range s.loop.Now.Mux {
		v.Used = used[v.Label]
		s.formers.Recall(v, sock.Spec{})
	}
}
