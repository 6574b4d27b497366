package keep

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"inetd/internal/plaintext"
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// open opens a socket and begins to poll it. If opening fails, it is tried again, less and
// less often.
func (s *Sockets) open(k *table.Socket) {
	fd, ours, err := s.obtain(k)
	if err != nil {
		s.openFailed(k, err)
		return
	}
	s.joinGroup(k, fd)
	if _, failed := s.faults[k]; failed {
		if s.few(alike{syslog.Notice, "opened"}) {
			s.loop.Log.Noticef("%s: %s: opened", k.Service.Label, k.Spec)
		}
		delete(s.faults, k)
	}
	if ours != (sock.File{}) {
		s.paths[k] = ours
	}
	s.opened(k, fd)
}

// opened notes the descriptor of a socket and begins to poll it.
func (s *Sockets) opened(k *table.Socket, fd int) {
	k.FD = int32(fd)
	s.loop.Starter.Note(fd)
	if fd >= len(s.byFD) {
		s.byFD = append(s.byFD, make([]*table.Socket, fd+1-len(s.byFD))...)
	}
	s.byFD[fd] = k
	s.loop.Gate.Arm(k)
}

// Replace gives an open socket another descriptor. The caller has to close the old one.
func (s *Sockets) Replace(k *table.Socket, fd int) {
	s.loop.Gate.Disarm(k)
	s.byFD[k.FD] = nil
	s.opened(k, fd)
}

// fault says why a socket could not be opened.
type fault struct {
	err   error
	delay time.Duration // until the next attempt; 0: at the next reload
}

// maxRetry is the longest time between attempts to open a socket.
const maxRetry = time.Minute

func (s *Sockets) openFailed(k *table.Socket, err error) {
	if sock.NoSuchFamily(err) {
		s.loop.Log.Tell(syslog.Err, k.Service, k.Service.Label+": this kernel has no such socket: "+strerror.Call(err), k.Spec.String(), "; it will be tried again at a reload")
		s.faults[k] = &fault{err: err}
		return
	}
	before := s.faults[k]
	cause := strerror.Call(err)
	if (before == nil || strerror.Call(before.err) != cause) && s.few(alike{syslog.Err, cause + "; they will be tried again"}) {
		s.tellClosed(k, err)
	}
	delay := s.Retry
	if before != nil {
		delay = min(2*before.delay, maxRetry)
	}
	f := &fault{err, delay}
	s.faults[k] = f
	s.loop.Timers.After(delay, func() {
		if s.faults[k] == f {
			s.open(k)
			if k.Service.Do.RPC.Number != 0 {
				s.Register()
			}
		}
	})
}

// retry opens a socket at once. If that fails, the delays begin anew.
func (s *Sockets) retry(k *table.Socket) {
	if f := s.faults[k]; f != nil {
		f.delay = s.Retry / 2
	}
	s.open(k)
}

// shut closes a socket for good.
func (s *Sockets) shut(k *table.Socket) {
	k.Closed = true
	delete(s.faults, k)
	s.closeSocket(k)
}

// closeSocket closes a socket if it is open; those of the service manager are kept.
func (s *Sockets) closeSocket(k *table.Socket) {
	if k.FD < 0 {
		return
	}
	s.loop.Gate.Disarm(k)
	s.byFD[k.FD] = nil
	if !s.Managers(k) {
		sock.Close(int(k.FD), k.Spec, s.paths[k])
	}
	k.FD = -1
	delete(s.paths, k)
}

// alike is a kind of log line about a socket, by what all lines of the kind say.
type alike struct {
	priority syslog.Priority
	text     string
}

// few reports whether a line of a kind is to be logged. One cause may hit thousands of
// sockets at once, so all lines after the third are only counted. tellRest says how many
// there were, a second later at the latest.
func (s *Sockets) few(a alike) bool {
	if !s.told.Begun() {
		s.loop.Timers.After(time.Second, s.tellRest)
	}
	return s.told.Tell(a)
}

// tellRest logs how many lines were only counted.
func (s *Sockets) tellRest() {
	rest := s.told.Rest()
	for _, a := range slices.SortedFunc(maps.Keys(rest), func(a, b alike) int { return cmp.Compare(a.text, b.text) }) {
		s.loop.Log.Log(a.priority, plaintext.Count(rest[a], "more socket", "more sockets")+": "+a.text)
	}
}
