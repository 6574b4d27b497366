// Package table holds what the daemon knows of its services: what each does (Action), its
// sockets, and what it has used of its limits (Usage). In goes a plan; out of Assemble
// comes a Generation, which package inetd puts into force. Its services are copies, in
// slabs, so that what only a load needs does not stay in memory.
//
// Assemble and Identities may run beside the event loop, because nobody else has access
// to what they make. All else belongs to the goroutine of the loop, so there are no
// locks. This package opens, starts and logs nothing.
package table

import (
	"strings"
)

// Place is a line of a configuration file, in few bytes: there may be many services.
type Place struct {
	File uint32 // an index into Generation.Names
	Line uint32
}

// Service is one entry that is served. A reload makes new services, to which it gives the
// sockets and the usage of the old ones. There may be thousands, so they share what they
// have in common: see Action.
type Service struct {
	Label string // "ftp/tcp", the subject of log lines
	At    Place  // of the entry
	Do    *Action
	First *Socket // of the list of its sockets; nil: none
	Used  *Usage  // nil before the first client
}

// Add appends a socket to those of the service.
func (v *Service) Add(k *Socket) {
	at := &v.First
	for *at != nil {
		at = &(*at).Next
	}
	*at = k
}

// Usage returns the usage of the service, and makes it first if there is none.
func (v *Service) Usage() *Usage {
	if v.Used == nil {
		v.Used = &Usage{}
	}
	return v.Used
}

// Split returns the name and the protocol in the label.
func (v *Service) Split() (name, proto string) {
	proto = strings.ToLower(v.Do.Proto)
	i := strings.LastIndexByte(v.Label, '/')
	if i <= 0 || v.Label[0] == '/' || !strings.HasPrefix(v.Label[i+1:], proto) {
		return v.Label, proto // a path, or a name of tcpmux
	}
	return v.Label[:i], v.Label[i+1:]
}

// Cause returns a Cause that concerns the service.
func (v *Service) Cause(what string) Cause { return Cause{v.Label, what} }

// Cause is a reason why clients of a service are refused or its servers fail, as logged.
type Cause struct{ Label, What string }
