package inetd

import (
	"slices"
	"time"

	"inetd/internal/builtin"
	"inetd/internal/child"
	"inetd/internal/sock"
)

// service is one entry made ready. A reload makes new ones; their sockets and
// their usage stay. A machine may have thousands, so what services have in
// common is shared: see action.
type service struct {
	label   string // "ftp/tcp", the subject of log lines
	file    string
	line    int
	do      *action
	sockets []*socket
	used    *usage // made by its first client
}

// action is what is done for a client of a service. Services that do the same
// share one.
type action struct {
	key     string         // equal keys, equal actions
	program *child.Program // nil: a builtin
	builtin string         // its name
	account question       // whose the program is
	daemon  string         // base name of argv[0], for access rules
	proto   string         // the variable PROTO of the server
	listens bool           // its sockets have connections
	wait    bool
	limits  limits
	options sock.Options // of its sockets
}

// question is the user column: a user and a group that may be empty.
type question struct{ user, group string }

// socket is one address a service is reached by. It lives on through a reload,
// with another service if need be.
type socket struct {
	spec     sock.Spec
	svc      *service
	fd       int  // -1: not open
	explicit bool // its family was asked for, not implied by a plain "tcp"
	polled   bool // in the epoll set
	closed   bool // no longer in the table; a timer may still know it
	server   int  // pid of the wait server that has the socket
	reply    *builtin.Service
	fault    *fault
}

// fault is why a socket is not open.
type fault struct {
	err   error
	delay time.Duration // until the next try
}

func (v *service) usage() *usage {
	if v.used == nil {
		v.used = &usage{}
	}
	return v.used
}

// same reports whether a reload leaves a service as it was.
func (v *service) same(w *service) bool {
	return v.do.key == w.do.key && slices.EqualFunc(v.sockets, w.sockets, func(a, b *socket) bool { return a.spec == b.spec })
}
