// Package keep puts a generation of services into force and keeps its sockets open. In
// go the generation (Merge) and what happens to sockets: one was shut down, a wait server
// has given one back, interfaces have changed. Out come open sockets, which package gate
// polls, registrations with rpcbind, and log lines that say why a service has no socket
// and what to do about it.
//
//	merge.go      which sockets stay, are closed, are opened
//	open.go       opening a socket, and trying again less and less often
//	closed.go     why a socket could not be opened, and who has its address
//	manager.go    sockets that the service manager has opened
//	network.go    addresses that come and go
//	sound.go      mending or opening again what clients can no longer reach
//	rpc.go        registering RPC programs
//	saved.go      what an upgrade hands over to the next program
//
// Everything belongs to the goroutine of the event loop. Only the search for the process
// that has an address runs beside it.
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

// Loop is what Sockets need of the event loop.
type Loop struct {
	Starter *child.Starter
	Poll    *loop.Poll
	Network loop.Tag // of the descriptor that tells of changes: see NetworkChanges
	Timers  *loop.Timers
	Log     *logbook.Book
	Now     *table.InForce
	Running *running.Table
	Beside  *loop.Beside // for work that takes time; shared with others
	Gate    *gate.Gate
}

// Sockets are the sockets of the services in force.
type Sockets struct {
	Retry time.Duration // before the second attempt to open a socket, then doubled up to a minute; New sets 1 s

	loop      Loop
	byFD      []*table.Socket             // by descriptor
	paths     map[*table.Socket]sock.File // the files that were made for UNIX-domain sockets
	faults    map[*table.Socket]*fault    // of the sockets that are not open
	told      seldom.Burst[alike]         // log lines of the current burst
	formers   table.Formers               // services that were removed
	network   network                     // tells of changes of the network
	inherited map[sock.Spec]int           // descriptors that the service manager has opened
	specs     []sock.Spec                 // the keys of inherited, in the manager's order
	registrar *registrar.Registrar        // nil until there is an RPC service
}

// New returns the Sockets of an event loop, none of them open.
func New(l Loop) *Sockets {
	return &Sockets{
		Retry: time.Second, loop: l, paths: map[*table.Socket]sock.File{}, faults: map[*table.Socket]*fault{}, formers: table.Formers{},
		network: network{fd: -1}, inherited: map[sock.Spec]int{},
	}
}

// At returns the open socket with a descriptor; nil if there is none.
func (s *Sockets) At(fd int) *table.Socket {
	if fd >= len(s.byFD) {
		return nil
	}
	return s.byFD[fd]
}

// Fault returns why a socket could not be opened; nil if it is open.
func (s *Sockets) Fault(k *table.Socket) error {
	if f := s.faults[k]; f != nil {
		return f.err
	}
	return nil
}

// Close closes all sockets, those of the service manager too, and withdraws all
// registrations with rpcbind.
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
