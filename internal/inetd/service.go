package inetd

import (
	"strings"
	"time"

	"inetd/internal/child"
	"inetd/internal/ident"
	"inetd/internal/limit"
	"inetd/internal/sock"
)

// service is one entry made ready. A reload makes new ones; their sockets and
// their usage stay. A machine may have thousands, so what services have in
// common is shared: see action.
type service struct {
	label string // "ftp/tcp", the subject of log lines
	do    *action
	first *socket // of a list
	used  *usage  // made by its first client
}

// add appends a socket to those of a service.
func (v *service) add(k *socket) {
	at := &v.first
	for *at != nil {
		at = &(*at).next
	}
	*at = k
}

// find returns the socket of a Spec, or nil.
func (v *service) find(spec sock.Spec) *socket {
	k := v.first
	for k != nil && k.spec != spec {
		k = k.next
	}
	return k
}

// drop takes a socket away from a service that has it.
func (v *service) drop(k *socket) {
	at := &v.first
	for *at != k {
		at = &(*at).next
	}
	*at = k.next
}

// action is what is done for a client of a service. Services that do the same
// share one.
type action struct {
	deed
	program *child.Program // nil: a builtin
	daemon  string         // base name of argv[0], for access rules
	ident   *ident.Options // of the builtin auth
}

// deed is an action as it was asked for. Equal deeds are one action.
type deed struct {
	path    string // of the server program
	argv    string // joined by NUL
	builtin string // the name of a builtin; "": a server program
	account question
	proto   string // the variable PROTO of the server
	listens bool   // its sockets have connections
	mux     bool   // it has no sockets: tcpmux hands out its connections
	plus    bool   // and sends the client a + first
	wait    bool
	listen  bool // with wait: the server expects the socket as systemd passes it
	limits  limit.Limits
	options sock.Options // of its sockets
	rpc     rpcProgram
}

// clone makes a deed independent of the text of the configuration file, which
// would otherwise be kept in memory with it.
func (d deed) clone() deed {
	for _, s := range []*string{&d.path, &d.argv, &d.builtin, &d.account.user, &d.account.group, &d.proto} {
		*s = strings.Clone(*s)
	}
	return d
}

// question is the user column: a user and a group that may be empty.
type question struct{ user, group string }

// socket is one address a service is reached by. It lives on through a reload,
// with another service if need be.
type socket struct {
	spec     sock.Spec
	svc      *service
	next     *socket // of the same service
	fd       int32   // -1: not open
	server   int32   // pid of the wait server that has the socket
	explicit bool    // its family was asked for, not implied by a plain "tcp"
	polled   bool    // in the epoll set
	closed   bool    // no longer in the table; a timer may still know it
}

// fault is why a socket could not be opened.
type fault struct {
	err   error
	delay time.Duration // until the next try
}

// usage is what a service has used of its limits, and how it fares. It goes on
// through a reload.
type usage struct {
	limit.Usage
	balks     int  // servers in a row that ended without having taken anything
	suspended bool // its sockets are not polled until the window has passed
}

func (v *service) usage() *usage {
	if v.used == nil {
		v.used = &usage{}
	}
	return v.used
}

// same reports whether a reload leaves a service as it was.
func (v *service) same(w *service) bool {
	a, b := v.first, w.first
	for a != nil && b != nil && a.spec == b.spec {
		a, b = a.next, b.next
	}
	return a == nil && b == nil && v.do.deed == w.do.deed
}
