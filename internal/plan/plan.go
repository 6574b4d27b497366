// Package plan reads a configuration and resolves every name in it. In go the
// configuration files and a Host, which describes the machine; out comes a Plan: every
// service with its sockets, action, limits and the identity of its server, and all
// problems with their places.
//
// A load has no effect. It reads files and asks name servers and getent(1) through
// the Host, but it opens no socket, starts nothing, and knows no process, descriptor,
// counter or timer; TestLoadHasNoEffect holds that. So check mode is a load that
// prints (check.go), and a reload that fails has changed nothing. A load may take
// seconds: run it in a goroutine of its own, not on the event loop.
package plan

import (
	"cmp"
	"net/netip"
	"slices"

	"inetd/internal/account"
	"inetd/internal/conf"
	"inetd/internal/hosts"
	"inetd/internal/ident"
	"inetd/internal/limit"
	"inetd/internal/sock"
)

// Config is what the command line says about loads.
type Config struct {
	Files    []string // configuration files and directories, in order
	Entries  []string // texts of entries, which follow those of the files
	Explicit bool     // Files were given as operands, so a missing one is an error at start
	Services string   // the services file; "": beside the first configuration file, else /etc/services
	Backlog  int      // backlog of each stream socket; 0: 128
	Bind     string   // the address of entries that name none; "": every address

	Starts    int // starts per service and 60 s; 0: no limit
	Max       int // concurrent servers of one service; 0: no limit
	PerMinute int // starts per service, source address and 60 s; 0: no limit
	PerSource int // concurrent servers per service and source address; 0: no limit

	Wrap         bool // hosts.allow and hosts.deny decide who reaches server programs
	WrapInternal bool // and who reaches the builtins

	AllowFile, DenyFile string // "": /etc/hosts.allow, /etc/hosts.deny
	SecFile             string // HP-UX's inetd.sec, which is obeyed if it exists; "": /var/adm/inetd.sec
}

// Sources returns the files of the configuration, and the option --entry if it was given.
func (c *Config) Sources() []string {
	if len(c.Entries) == 0 {
		return c.Files
	}
	return append(slices.Clone(c.Files), "--entry")
}

// RuleFiles returns the paths of hosts.allow, hosts.deny and inetd.sec.
func (c *Config) RuleFiles() (allow, deny, sec string) {
	return cmp.Or(c.AllowFile, "/etc/hosts.allow"), cmp.Or(c.DenyFile, "/etc/hosts.deny"), cmp.Or(c.SecFile, "/var/adm/inetd.sec")
}

// Host is what a load needs to know of the machine and of the daemon, besides the files
// that it reads. The caller fills it in (package machine), so that every branch of a
// load can be tested on any machine. A func is called by the goroutine of the load only.
type Host struct {
	Etc         string      // the directory of passwd, group, services, protocols, rpc and networks; "": /etc
	IPv6        bool        // the kernel supports it
	Clone       bool        // servers are started by clone3, so a server can be told its process id
	UID, GID    int         // the daemon's effective user and group
	Groups      []int       // the daemon's supplementary groups
	MinOOMScore int         // the lowest oom_score_adj that a server can be given
	HardLimits  []uint64    // the daemon's own, in the order of Resources; nil: unknown
	CPUs        int         // processors that the daemon may use; 0: unknown
	Inherited   []sock.Spec // sockets that the service manager has opened

	Interfaces  func() []string     // names of network interfaces. Nil: unknown
	Addresses   func() []netip.Addr // of the interfaces, without zones. Nil: there are none
	Congestions func() []string     // names of TCP's congestion controls in the kernel. Nil: unknown

	// Getent asks getent(1) for one key of a system database. Nil: only files are read.
	Getent func(database, key string) (line string, found bool, err error)

	// Reading is called with the path of a file before the load reads it, and with nil
	// afterwards, because reading may hang for ever. Nil: nobody wants to know.
	Reading func(path *string)

	Hosts *hosts.Addresses // of the hosts that the configuration names. Nil: no host is known
	Late  *Late            // what an earlier load left out and this one tries again. Nil: the files are read

	Known   []string // configuration files that the last load read: if one is gone, that is an error
	Sockets int      // the number of sockets to expect, roughly
}

// Plan is the result of a load: everything that the configuration asks for, resolved
// but not yet done.
type Plan struct {
	Services   []*Service            // in the order of the configuration
	Problems   []Problem             // in the order of their places
	Files      []string              // configuration files that were read, in order
	Known      []string              // the files that are not empty, included files among them
	Watch      []string              // paths whose change on disk matters
	Accounts   *account.DB           // only its method Changed may still be called
	Identities map[Server]*Identity  // of the servers of all services
	Keys       map[string]*conf.Keys // the keys of services, by Action.Keys
	Secured    map[string]string     // official service names by label; nil: there is no inetd.sec
	Banners    map[string]string     // the texts of the keys banner and banner_*, by path
	Late       *Late                 // what is to be tried again; nil: nothing
	Wraps      bool                  // a service asks hosts.allow and hosts.deny by its key wrap
	Err        error                 // the configuration as a whole cannot be used
}

// Sockets returns the number of sockets of all services.
func (p *Plan) Sockets() (n int) {
	for _, v := range p.Services {
		n += len(v.Sockets)
	}
	return n
}

// Service is one resolved entry. It has sockets, or its action says that tcpmux hands
// it out.
type Service struct {
	Label   string // "ftp/tcp", the subject of log lines; it may share memory with a file's text
	At      conf.Pos
	Do      *Action
	Clients *conf.Keys // the entry's keys, with places, if they say who may use it; else nil
	Asks    []Ask      // the keys in force
	Sockets []Socket
}

// Socket is a socket at which clients reach a service.
type Socket struct {
	Spec     sock.Spec
	explicit bool // its family was asked for, not implied by a plain "tcp"
}

// find returns the service's socket with the given Spec, or nil.
func (v *Service) find(spec sock.Spec) *Socket {
	i := slices.IndexFunc(v.Sockets, func(k Socket) bool { return k.Spec == spec })
	if i < 0 {
		return nil
	}
	return &v.Sockets[i]
}

// drop takes a socket away from the service.
func (v *Service) drop(spec sock.Spec) {
	v.Sockets = slices.DeleteFunc(v.Sockets, func(k Socket) bool { return k.Spec == spec })
}

// reachable reports whether clients can get to the service, by a socket or by tcpmux.
func (v *Service) reachable() bool { return len(v.Sockets) > 0 || v.Do.Mux }

// Mode says what the daemon does when a socket becomes readable.
type Mode uint8

// The modes.
const (
	Accept  Mode = iota // it accepts a connection, which a server program or a builtin serves
	Lend                // it gives the socket itself to a wait server
	Answer              // it answers the datagram by a builtin
	Connect             // it starts a server for each client of a nowait datagram service
)

// Action is what is done for a client of a service. Actions are comparable, and
// services with equal actions share one.
type Action struct {
	Mode    Mode
	Path    string // of the server program
	Argv    string // joined by NUL
	Builtin string // the name of a builtin; "": a server program
	User    User
	Keys    string     // the keys of the entry as text, or a digest of it: equal if they mean the same; "": none
	Connect conf.Place `json:"-"` // where its clients are passed on to, by the key connect; zero: nowhere
	Proto   string     // the variable PROTO in the server's environment
	Listens bool       // its sockets are of a type with connections
	Mux     bool       // it has no sockets: tcpmux hands out its connections
	Plus    bool       // tcpmux sends the client a "+" line first
	Wait    bool
	Listen  bool // with Wait: the server expects the socket as systemd passes it
	Limits  limit.Limits
	Options sock.Options // of its sockets
	RPC     RPC
	Ident   ident.Options // of the builtin auth
}

// Internal reports whether the daemon itself serves, by a builtin.
func (a *Action) Internal() bool { return a.Builtin != "" }

// mode returns how the sockets of the action are served.
func (a *Action) mode() Mode {
	switch {
	case a.Listens && (!a.Wait || a.Internal()):
		return Accept
	case a.Internal():
		return Answer
	case a.Options.Connect:
		return Connect
	}
	return Lend
}

// Server returns what decides the identity of the action's server.
func (a *Action) Server() Server { return Server{a.User, a.Keys} }

// Server is what decides the identity of a server: the user column and the keys.
type Server struct {
	User User
	Keys string
}

// User is the user column: a user and a group, each of which may be empty.
type User struct{ Name, Group string }

// String returns the user as the column would have it.
func (u User) String() string {
	if u.Group == "" {
		return u.Name
	}
	return u.Name + ":" + u.Group
}

// Identity is the user and groups a server runs as. A nil Identity is the daemon's own.
type Identity struct {
	UID, GID uint32
	Groups   []uint32 // supplementary groups; shared, so not to be changed
}

// RPC is an ONC RPC program and the range of its versions that are registered. The
// number 0, which RFC 5531 reserves, means that a service is not an RPC program.
type RPC struct{ Number, Low, High uint32 }
