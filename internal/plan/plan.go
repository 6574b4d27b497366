// Package plan resolves a configuration. In go the configuration files, and a
// Host with what must be known of the machine; out comes a Plan: every service
// with its sockets, action and limits, who its server is, and all problems with
// their places.
//
// A load has no effect. It reads files and asks name servers and, through the
// Host, getent(1), but it opens no socket, starts nothing and knows no process,
// descriptor or counter. So check mode is a load that prints (check.go), and a
// reload that fails has changed nothing. It may take long: call it beside the
// event loop.
package plan

import (
	"cmp"
	"slices"

	"inetd/internal/account"
	"inetd/internal/conf"
	"inetd/internal/ident"
	"inetd/internal/limit"
	"inetd/internal/sock"
)

// Config is what the command line says about loads.
type Config struct {
	Files    []string // configuration files and directories, in order
	Entries  []string // texts of entries, which follow those of the files
	Explicit bool     // Files were given as operands: one that is missing is an error at start
	Services string   // the services file; "": beside the first configuration file, else /etc/services
	Backlog  int      // listen queue of each stream socket; 0: 128
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

// Sources are the files and the option that the configuration comes from.
func (c *Config) Sources() []string {
	if len(c.Entries) == 0 {
		return c.Files
	}
	return append(slices.Clone(c.Files), "--entry")
}

// RuleFiles are the paths of hosts.allow, hosts.deny and inetd.sec.
func (c *Config) RuleFiles() (allow, deny, sec string) {
	return cmp.Or(c.AllowFile, "/etc/hosts.allow"), cmp.Or(c.DenyFile, "/etc/hosts.deny"), cmp.Or(c.SecFile, "/var/adm/inetd.sec")
}

// Host is what a load needs to know of the machine and of the daemon. Whoever
// loads hands it in, so that every branch of a load can be tested anywhere.
type Host struct {
	IPv6        bool        // the kernel has it
	Clone       bool        // servers are started by clone3, so one can be told its process id
	UID, GID    int         // the daemon's effective ones
	Groups      []int       // the daemon's supplementary groups
	MinOOMScore int         // the lowest oom_score_adj that a server can be given
	Inherited   []sock.Spec // sockets that the service manager has opened

	// Getent asks getent(1) for one key of a system database. Nil: files alone.
	Getent func(database, key string) (line string, found bool, err error)

	// Reading is told the file that the load is about to read, and nil when it has
	// read it: reading may take for ever. Nil: nobody wants to know.
	Reading func(path *string)

	// Names are asked for the addresses of hosts. Nil: the system's resolver is.
	Names *Names
	Late  *Late // what an earlier load left out, which is tried again. Nil: the files are read

	Known   []string // configuration files that the last load read: one of them that is gone is missed
	Sockets int      // about as many are to be expected
}

// Plan is the result of a load: everything that the configuration asks for,
// resolved, and nothing of it done yet.
type Plan struct {
	Services   []*Service            // in the order of the configuration
	Problems   []Problem             // in the order of their places
	Files      []string              // configuration files that were read, in order
	Known      []string              // those and included ones that hold anything
	Watch      []string              // paths whose change on disk matters
	Accounts   *account.DB           // of which only Changed may still be called
	Identities map[Server]*Identity  // of all servers of the services
	Keys       map[string]*conf.Keys // by Action.Keys; those of the services that have any
	Secured    map[string]string     // official service names by label; nil: there is no inetd.sec
	Names      *Names                // the hosts that were asked for; nil: none
	Banners    map[string]string     // the texts of the keys banner and banner_*, by path
	Late       *Late                 // what is to be tried again; nil: nothing
	Wraps      bool                  // a service asks hosts.allow and hosts.deny by its key wrap
	Err        error                 // the configuration as a whole cannot be used
}

// Sockets counts the sockets of a plan.
func (p *Plan) Sockets() (n int) {
	for _, v := range p.Services {
		n += len(v.Sockets)
	}
	return n
}

// Service is one entry made ready. It has sockets, or its action says that
// tcpmux hands it out.
type Service struct {
	Label   string // "ftp/tcp", the subject of log lines; it may be part of a file's text
	At      conf.Pos
	Do      *Action
	Clients *conf.Keys // those of the entry, if they say who may use it; they have their places, which an Action does not tell apart
	Asks    []Ask      // the keys in force
	Sockets []Socket
}

// Socket is a socket that a service is reached by.
type Socket struct {
	Spec     sock.Spec
	explicit bool // its family was asked for, not implied by a plain "tcp"
}

// find returns the socket of a Spec, or nil.
func (v *Service) find(spec sock.Spec) *Socket {
	i := slices.IndexFunc(v.Sockets, func(k Socket) bool { return k.Spec == spec })
	if i < 0 {
		return nil
	}
	return &v.Sockets[i]
}

// drop takes a socket away from a service that has it.
func (v *Service) drop(spec sock.Spec) {
	v.Sockets = slices.DeleteFunc(v.Sockets, func(k Socket) bool { return k.Spec == spec })
}

// reachable reports whether clients have a way to a service.
func (v *Service) reachable() bool { return len(v.Sockets) > 0 || v.Do.Mux }

// Mode is how a socket that is readable is served.
type Mode uint8

// The modes.
const (
	Accept  Mode = iota // a connection is accepted, and a server program or a builtin serves it
	Lend                // a wait server gets the socket itself
	Answer              // a builtin answers datagrams
	Connect             // each client of a nowait datagram service gets a server of its own
)

// Action is what is done for a client of a service. Actions are comparable, and
// services that do the same share one.
type Action struct {
	Mode    Mode
	Path    string // of the server program
	Argv    string // joined by NUL
	Builtin string // the name of a builtin; "": a server program
	User    User
	Keys    string     // what the entry asks for beyond its columns, see keysText; "": nothing
	Connect conf.Place `json:"-"` // where its clients are passed on to, as Keys say; zero: nowhere
	Proto   string     // the variable PROTO of the server
	Listens bool       // its sockets have connections
	Mux     bool       // it has no sockets: tcpmux hands out its connections
	Plus    bool       // the client of tcpmux is sent a + first
	Wait    bool
	Listen  bool // with Wait: the server expects the socket as systemd passes it
	Limits  limit.Limits
	Options sock.Options // of its sockets
	RPC     RPC
	Ident   ident.Options // of the builtin auth
}

// mode says how the sockets of an action are served.
func (a *Action) mode() Mode {
	switch {
	case a.Listens && (!a.Wait || a.Builtin != ""):
		return Accept
	case a.Builtin != "":
		return Answer
	case a.Options.Connect:
		return Connect
	}
	return Lend
}

// Server returns what decides who the server of an action is, and with what.
func (a *Action) Server() Server { return Server{a.User, a.Keys} }

// Server is what servers have in common whose user and keys are the same.
type Server struct {
	User User
	Keys string
}

// User is the user column: a user and a group, each of which may be empty.
type User struct{ Name, Group string }

// String is the user as the column has it.
func (u User) String() string {
	if u.Group == "" {
		return u.Name
	}
	return u.Name + ":" + u.Group
}

// Identity is who a server is to be. A nil Identity is whoever the daemon is.
type Identity struct {
	UID, GID uint32
	Groups   []uint32 // supplementary ones, shared and not to be changed
}

// RPC is an ONC RPC program and the versions of it that are registered. The
// number 0, which RFC 5531 reserves, means that a service is no such program.
type RPC struct{ Number, Low, High uint32 }
