package keep

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"inetd/internal/examine"
	"inetd/internal/plaintext"
	"inetd/internal/seldom"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// holderTime is how long the search for the process that has an address may take. It is
// less than the limit of Loop.Beside, so that what was found by then is told.
const holderTime = 9 * time.Second

// tellClosed logs why a socket could not be opened, and what to do if that is known. The
// search for the process that has the address runs beside the loop.
func (s *Sockets) tellClosed(k *table.Socket, err error) {
	v, spec := k.Service, k.Spec
	tell := func(advice string) func() {
		if advice != "" {
			advice = "; " + advice
		}
		return func() {
			s.loop.Log.Tell(syslog.Err, v, v.Label+": "+strerror.Call(err), spec.String(), "; it will be tried again"+advice)
		}
	}
	advice := cmp.Or(s.advice(k, err), examine.Address(spec, err))
	if !errors.Is(err, unix.EADDRINUSE) || advice != "" || !spec.Addr.IsValid() {
		tell(advice)()
		return
	}
	s.loop.Beside.Do(func() func() { return tell(examine.Holder(spec, time.Now().Add(holderTime))) }, tell(""))
}

// advice says what to do about a socket that could not be opened; "" if the daemon itself
// does not know.
func (s *Sockets) advice(k *table.Socket, err error) string {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return s.whoHolds(k)
	case errors.Is(err, unix.ENFILE):
		return "raise fs.file-max, the number of open files of the system"
	case !errors.Is(err, unix.EMFILE):
		return ""
	}
	var limit unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	sockets := 0
	for _, v := range s.loop.Now.Services {
		for k := v.First; k != nil; k = k.Next {
			sockets++
		}
	}
	return fmt.Sprintf("%s need more than the %d open files that are allowed: raise ulimit -n, or LimitNOFILE of systemd",
		plaintext.Count(sockets, "socket", "sockets"), limit.Cur)
}

// Unopened returns lines that say why sockets are not open. Of the sockets with the same
// cause, the first few have lines of their own and the others are counted.
func (s *Sockets) Unopened() (lines []string) {
	if len(s.faults) == 0 {
		return nil
	}
	var told seldom.Burst[string]
	for _, v := range s.loop.Now.Services {
		for k := v.First; k != nil; k = k.Next {
			if err := s.Fault(k); err != nil && told.Tell(strerror.Call(err)) {
				lines = append(lines, k.Subject()+": "+strerror.Call(err)+"; it will be tried again")
			}
		}
	}
	rest := told.Rest()
	for _, cause := range slices.Sorted(maps.Keys(rest)) {
		lines = append(lines, plaintext.Count(rest[cause], "more socket", "more sockets")+": "+cause)
	}
	return lines
}

// A wait server keeps its socket when its service is removed. Until the server ends,
// nobody else can have the address.

// tellHeld logs the wait server that still has a socket which a reload closes.
func (s *Sockets) tellHeld(k *table.Socket) {
	if k.Server != 0 {
		s.loop.Log.Noticef("%s: removed; its server, process %d, still has %s", k.Service.Label, k.Server, k.Spec)
	}
}

// whoHolds names the wait server of a removed service that has a socket's address, if any.
func (s *Sockets) whoHolds(k *table.Socket) string {
	for pid, p := range s.loop.Running.All() {
		if l := p.Lent; l != nil && l.Closed && l.Spec.Conflicts(k.Spec) {
			return fmt.Sprintf("process %d, a server of %s before, still has it", pid, l.Service.Label)
		}
	}
	return ""
}

// vacated opens the sockets whose address was that of l, the socket of a removed service,
// when its wait server has ended.
func (s *Sockets) vacated(l *table.Socket) {
	for k, f := range s.faults {
		if errors.Is(f.err, unix.EADDRINUSE) && l.Spec.Conflicts(k.Spec) {
			s.retry(k)
		}
	}
}
