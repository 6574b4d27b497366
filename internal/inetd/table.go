package inetd

import (
	"net/netip"
	"time"

	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/limit"
	"inetd/internal/plan"
	"inetd/internal/prefix"
	"inetd/internal/sock"
	"inetd/internal/status"
)

// place is a line of a configuration file, in few bytes: services are many.
type place struct {
	file uint32 // an index into generation.names
	line uint32
}

// service is one entry made ready. A reload makes new ones; their sockets and
// their usage stay. A machine may have thousands, so what services have in
// common is shared: see action.
type service struct {
	label string // "ftp/tcp", the subject of log lines
	at    place  // of the entry
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

// action is what is done for a client of a service. Services that do the same
// share one.
type action struct {
	*plan.Action
	program *child.Program // nil: a builtin
	daemon  string         // base name of argv[0], for access rules
	keys    *conf.Keys     // nil: none
	asks    []plan.Ask     // the same, with their places

	guarded   bool // the entry says who may use it: see generation.guards
	asksNames bool // by names of hosts, among others

	proxies *prefix.Set // whose header tells who the client is; nil: there is none
	penalty *penalty    // nil: nothing has one
	bits    limit.Bits  // of an address that are one source
}

// source is what an Internet client counts as.
func (do *action) source(a netip.Addr) limit.Source { return do.bits.Source(a) }

// socket is one address a service is reached by. It lives on through a reload,
// with another service if need be.
type socket struct {
	spec   sock.Spec
	svc    *service
	next   *socket // of the same service
	fd     int32   // -1: not open
	server int32   // pid of the wait server that has the socket
	polled bool    // in the epoll set
	held   uint8   // a bit for each bound in whose list it is
	closed bool    // no longer in the table; a timer may still know it
}

// usage is what a service has used of its limits, and how it fares. It goes on
// through a reload.
type usage struct {
	limit.Usage
	status.Counts
	idleStarts int      // servers in a row that ended without having taken anything
	suspended  bool     // its sockets are not polled until the window has passed
	failing    []cause  // why its servers could not be started, as it was logged
	mended     []string // what wait servers have left behind, as it was logged
	altered    bool     // one has changed options of its socket
	fitness
	looked    time.Time     // when these were last looked at
	unwelcome time.Time     // when the sender of a datagram who is refused was last told
	unproxied time.Time     // when a client without a proxy's header was
	expected  int           // clients whose header is read
	debts     *limit.Ledger // penalties of sources; nil: there were none
}

// full reports whether as many servers run, or are about to be started, as may.
func (u *usage) full(l limit.Limits) bool {
	if u.expected == 0 {
		return u.Full(l)
	}
	return l.Max > 0 && u.Live+u.expected >= l.Max || l.Starts > 0 && u.Starts.Count+u.expected >= l.Starts
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
	return a == nil && b == nil && *v.do.Action == *w.do.Action
}
