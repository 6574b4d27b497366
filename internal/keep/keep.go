// Package keep puts a generation of services into force and keeps its sockets open. In
// goes what is to be served (Merge), and what happens to sockets: one was shut down, a
// wait server has given one back, interfaces have changed; out come open sockets, which
// package gate polls, registrations with rpcbind, and log lines that say why a service
// has no socket and what to do about it.
//
//	merge.go      what stays, what is closed, what is opened
//	open.go       a socket is opened, and tried again less and less often
//	closed.go     why it could not be, and who has its address
//	manager.go    those that the service manager has opened
//	network.go    addresses that come and go
//	sound.go      a socket that clients reach no more is mended or opened again
//	rpc.go        where RPC programs are reached
//	saved.go      what an upgrade takes to the next program
//
// All belongs to the goroutine of the event loop. Only who has an address is found out
// beside it.
package keep

import (
	"time"

	"inetd/internal/child"
	"inetd/internal/gate"
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/registrar"
	"inetd/internal/running"
	"inetd/internal/seldom"
	"inetd/internal/sock"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// Loop is what the event loop has for Sockets.
type Loop struct {
	Starter *child.Starter
	Poll    *loop.Poll
	Network loop.Tag // of what tells of changes of the network: see NetworkChanges
	Timers  *loop.Timers
	Log     *logbook.Book
	Now     *table.InForce
	Running *running.Table
	Beside  *loop.Beside // for what takes time, which others may use too
	Gate    *gate.Gate
}

// Sockets are those of the services in force.
type Sockets struct {
	Retry time.Duration // before a socket is tried again, doubled each time up to a minute; a second

	loop      Loop
	byFD      []*table.Socket             // by descriptor
	paths     map[*table.Socket]sock.File // what is at the paths of unix sockets, as opened
	faults    map[*table.Socket]*fault    // of the sockets that are not open
	told      seldom.Burst[alike]         // lines of late
	formers   table.Formers               // services that were removed
	network   network                     // whose changes are noticed
	inherited map[sock.Spec]int           // descriptors that the service manager has opened
	specs     []sock.Spec                 // of these, in the order in which it has passed them
	registrar *registrar.Registrar        // nil until there is an RPC service
}

// New makes the Sockets of an event loop. None is open.
func New(l Loop) *Sockets {
	return &Sockets{
		Retry: time.Second, loop: l, paths: map[*table.Socket]sock.File{}, faults: map[*table.Socket]*fault{}, formers: table.Formers{},
		network: network{fd: -1}, inherited: map[sock.Spec]int{},
	}
}

// At is the open socket that has a descriptor; nil if there is none.
func (s *Sockets) At(fd int) *table.Socket {
	if fd >= len(s.byFD) {
		return nil
	}
	return s.byFD[fd]
}

// Fault is why a socket is not open; nil if it is.
func (s *Sockets) Fault(k *table.Socket) error {
	if f := s.faults[k]; f != nil {
		return f.err
	}
	return nil
}

// Close closes all sockets, also those of the service manager, which has them too, and
// takes back what rpcbind was told.
func (s *Sockets) Close() {
	if s.registrar != nil {
		s.registrar.Close()
	}
	for _, k := range s.byFD {
		if k != nil {
			s.shut(k)
		}
	}
	for _, fd := range s.inherited {
		unix.Close(fd)
	}
	if s.network.fd >= 0 {
		unix.Close(s.network.fd)
	}
}
