// Package conf parses inetd.conf in every dialect. In goes the text of the files
// of a configuration; out come its entries in order and all its problems, each
// with its file, line and column. The package is pure: it opens no file, and knows
// nothing of the kernel, the services database or the users of the machine.
//
// An entry is written in columns or as a Definition, that is, as keys with values.
// Every check of a value is a method of draft that gets the value and its place, so
// that both forms and other front ends share the checks: a front end makes
// Definitions and gives them to Parser.Compile. Define turns any entry into a
// Definition. The table of keys (keys.go) has one row for each key.
package conf

import "time"

// Kind tells how clients reach an entry.
type Kind uint8

// The kinds of entry.
const (
	Inet  Kind = iota // a port of an internet transport
	Unix              // a path or an abstract name
	RPC               // an ONC RPC program, registered with the portmapper
	Mux               // a name that clients ask tcpmux (RFC 1078) for; no socket of its own
	Vsock             // a port of the virtual machine's socket family
)

// Type is the socket type of an entry.
type Type uint8

// The socket types, in the order of their classic words.
const (
	Stream Type = iota
	Dgram
	SeqPacket
	RDM
	Raw
)

var typeWords = [...]string{"stream", "dgram", "seqpacket", "rdm", "raw"}

// String returns the word of the second column: "stream", "dgram", ...
func (t Type) String() string { return typeWords[t] }

// Family tells which internet protocols an entry is opened for.
type Family uint8

// The families. Both means two sockets, one for each protocol, as plain "tcp"
// asks for; Dual means a single socket for both, as "tcp46" does.
const (
	Both Family = iota
	V4
	V6
	Dual
)

// Unset marks a limit that the entry leaves to the daemon's default.
const Unset = -1

// Limits are the numbers of the wait column. Each is Unset where the entry
// says nothing, and 0 where it asks for no limit.
type Limits struct {
	Starts    int // starts per Window
	Max       int // concurrent servers
	PerMinute int // starts per SourceWindow and source address
	PerSource int // concurrent servers per source address

	Window, SourceWindow time.Duration // 0: 60 seconds
}

// Owner is the owner and mode that FreeBSD's ":user:group:mode:" prefix asks
// for a unix socket. An empty User or Group is the daemon's own.
type Owner struct {
	Set         bool
	User, Group string
	Mode        uint32
}

// Entry is one service as its definition says it, nothing looked up yet.
type Entry struct {
	Pos     Pos      // where the service column starts
	Kind    Kind     //
	Hosts   []string // address specifiers in order, brackets removed; nil: every address; of a mux entry: those of tcpmux
	HostsAt Pos      // where Hosts are written: in the service column, the key bind or a default address line
	Service string   // name, alias or decimal port; unix path or "@abstract"; RPC program; mux name; vsock port
	Port    uint16   // of that name; 0: to be looked up in the services file
	Type    Type     //
	Proto   string   // base protocol without family: "tcp", "udp", "unix", ... or, with other types than stream and dgram, any word
	Family  Family   //
	Word    string   // the protocol column as messages show it: as written, without buffer sizes

	SndBuf, RcvBuf int  // bytes; 0: the kernel's default
	Defer          bool // an accept filter was asked for (TCP_DEFER_ACCEPT)
	Wait           bool
	Listen         bool // with Wait: the server expects the socket as systemd passes it
	Limits         Limits

	User, Group string   // User "": as the daemon; Group "": the user's own
	Dotted      bool     // written user.group, which may as well be the name of one user
	Internal    bool     // the server column is "internal"; Server is then ""
	Server      string   // as written, except that VOS's ">a>b" has become "/a/b"
	Argv        []string // argv[0] first and never empty; for an internal service the words after "internal"

	Plus      bool     // tcpmux/+name: the daemon answers "+Go" itself
	Low, High uint32   // RPC versions
	Owner     Owner    // of a unix path
	Keys      *Keys    // what no column can say; nil: nothing
	Off       bool     // the definition is switched off; yielded after KeepRemarks only
	IPsec     string   // the policy that was asked for; it is not in force
	Comments  []string // the lines to print above the entry; nil without KeepRemarks
	Cols      [7]Pos   // where each column starts, ColService to ColArgs; zero where there is none
}

// Relay reports whether the entry has no server of its own: its connections are
// passed on to the place that the key connect gives.
func (e *Entry) Relay() bool { return !e.Internal && e.Server == "" }

// Label returns the subject of every log line about the entry: "ftp/tcp",
// "rusersd/rpc/udp", "tcpmux/name", or the path of a unix service.
func (e *Entry) Label() string {
	switch e.Kind {
	case Unix:
		return e.Service
	case Mux:
		return "tcpmux/" + e.Service
	}
	return e.Service + "/" + e.Word
}
