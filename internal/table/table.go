// Package table is what the daemon knows of its services: what each does (Action), its
// sockets, and what it has used of its limits (Usage). In goes a plan; Assemble makes of
// it a Generation, which package inetd puts into force. What a generation keeps is
// copied, in slabs, so that nothing else of the plan stays in memory.
//
// Assemble and Identities may run beside the event loop, as nobody else has what they
// make. All else belongs to the goroutine of the loop, which owns every value here; so
// there is no lock. Nothing here opens, starts or logs anything.
package table

import (
	"strings"
)

// Place is a line of a configuration file, in few bytes: services are many.
type Place struct {
	File uint32 // an index into generation.names
	Line uint32
}

// Service is one entry made ready. A reload makes new ones; their sockets and
// their usage stay. A machine may have thousands, so what services have in
// common is shared: see Action.
type Service struct {
	Label string // "ftp/tcp", the subject of log lines
	At    Place  // of the entry
	Do    *Action
	First *Socket // of a list
	Used  *Usage  // made by its first client
}

// Add appends a socket to those of a service.
func (v *Service) Add(k *Socket) {
	at := &v.First
	for *at != nil {
		at = &(*at).Next
	}
	*at = k
}

// Usage is what a service has used, made when it is first asked for.
func (v *Service) Usage() *Usage {
	if v.Used == nil {
		v.Used = &Usage{}
	}
	return v.Used
}

// Split is the label as name and protocol.
func (v *Service) Split() (name, proto string) {
	proto = strings.ToLower(v.Do.Proto)
	i := strings.LastIndexByte(v.Label, '/')
	if i <= 0 || v.Label[0] == '/' || !strings.HasPrefix(v.Label[i+1:], proto) {
		return v.Label, proto // a path, or a name of tcpmux
	}
	return v.Label[:i], v.Label[i+1:]
}

// Cause makes a cause that concerns the service.
func (v *Service) Cause(what string) Cause { return Cause{v.Label, what} }

// Cause is why clients of a service are refused, or its servers fail, as the log says
// it.
type Cause struct{ Label, What string }
