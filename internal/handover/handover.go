// Package handover is what a daemon leaves to the program that replaces it in the same
// process, in an upgrade: descriptors and what each is, its children, and what counts. In
// goes a State; out comes text that another version of the program reads, and from that
// text a State again. Its references hold, whatever the text was.
//
// The text is JSON. A field that a program does not know is ignored, and a missing one
// has its zero value, so that older and newer programs of one Version understand each
// other. A change that they would misunderstand needs a new Version.
package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"inetd/internal/demand"
	"inetd/internal/limit"
	"inetd/internal/rpcbind"
	"inetd/internal/sock"
	"inetd/internal/status"
)

// Version is the version of the states that this program writes and reads.
const Version = 1

// format marks a text as a state.
const format = "inetd state"

// State is all that goes over. Descriptors are above 2 and stay open through the exec,
// with the same numbers. Times are absolute.
type State struct {
	Format  string
	Version int

	Process Process
	Daemon  Daemon

	Actions    []json.RawMessage // of services, which may share one
	Services   []Service         // those in force, and earlier ones that have children
	Sockets    []Socket
	Children   []Child
	Helpers    []Child // processes that serve no client themselves: see Demand
	Sessions   []Session
	Talks      []Talk
	Clients    []Client
	Draining   []Draining
	Demands    []Demand
	Registered []rpcbind.Binding // RPC programs
}

// Servers returns how many servers run, those on demand included.
func (s *State) Servers() int {
	n := len(s.Children)
	for _, d := range s.Demands {
		if d.Server != nil && d.Server.Machine.PID != 0 {
			n++
		}
	}
	return n
}

// Process is what concerns the process alone.
type Process struct {
	Program   string    // the path of the program that was started
	Directory string    // the working directory in which that was
	Version   string    // the program that leaves this, for people
	PidFile   int       // locked; 0: none
	Control   int       // the socket that listens for --status and the like; 0: none
	File      sock.File // at the path of Control
	Askers    []int     // connections to it that wait for the outcome
}

// Daemon is what concerns all services.
type Daemon struct {
	Begun, Loaded  time.Time
	Loads          int
	LogConnections bool          // as toggled at run time
	Known          []string      // configuration files that held anything: if one is gone, a load misses it
	Sensed         *limit.Ledger `json:",omitempty"` // clients that have touched a sensor
}

// Service is an entry and what it has used of its limits.
type Service struct {
	Label   string
	File    string // of the entry
	Line    int
	Action  int    // index in State.Actions
	InForce bool   // else a reload has removed or replaced it
	Usage   *Usage `json:",omitempty"` // nil: nothing yet
	Shares  int    // index of an earlier service whose Usage this one shares; -1: none
}

// Usage is what a service has used of its limits, and how it fares.
type Usage struct {
	Limits     *limit.Usage
	Counts     status.Counts
	IdleStarts int
	Suspended  bool
	Mended     []string
	Altered    bool
	Debts      *limit.Ledger `json:",omitempty"`
}

// Socket is a socket of the daemon.
type Socket struct {
	Spec      sock.Spec
	FD        int       // 0: it is not open
	Service   int       // index in State.Services; -1: no entry asks for it
	File      sock.File // the file at its path, if the daemon made it
	Inherited bool      // the service manager has opened it
	Closed    bool      // a reload has removed it, but a wait server still has it
}

// Child is a server that runs.
type Child struct {
	PID     int
	Service int
	Path    string    // of its program
	Begun   int64     // Unix time in ns
	Kill    time.Time // when it is to be killed, after it was told to end; zero: it was not told
	Lent    int       // index in State.Sockets of what a wait server was lent; -1: nothing
	Queued  int64     // what table.Socket.Queued said of Lent at that time
	Session int       // index in State.Sessions; -1: none
	Cookie  uint64    // of its connection, if the entry limits how long that may be idle
	Kept    int       // the daemon's descriptor of its connection, to end that gently (linger); 0: none
	Stderr  int       // the descriptor where its standard error comes out, for the log; 0: none
	Peer    Peer
}

// Peer is who a client is.
type Peer struct {
	Addr          netip.AddrPort
	UID, GID, PID int // of a UNIX-domain client, if PID is not 0
	Source        limit.Source
	Local, Proxy  netip.AddrPort // where it connected to, and through which proxy; set if Proxy is valid
	Named         bool           // rules need its host name
}

// Session is a client of a nowait datagram service with its server.
type Session struct {
	FD            int
	Socket        int // index in State.Sockets
	Client, Asked netip.AddrPort
	Local         netip.AddrPort
	Taken         int64
}

// Demand is a service whose clients are passed on to a place, by a relay.
type Demand struct {
	Service int
	FD      int      // the daemon's end of the relay's pair; 0: none runs
	Relay   int      // its process ID; one of State.Helpers unless it has ended
	Words   int      // the descriptor of what it wrote to standard error; 0: none
	Unsaid  [][]byte // commands that it has not taken yet
	Trusts  bool     // the relay was told that the server is who answers at the place
	Causes  bool     // the relay knows relay.Unreached; one of an older program does not
	Last    uint32   // the last ID given to a client
	In, Out uint64   // bytes from clients and to them
	Retired bool     // the relay ends with its last client
	Clients []Passenger
	Server  *Server `json:",omitempty"` // nil: the entry has no server
}

// Passenger is a client whose connection a relay has.
type Passenger struct {
	ID     uint32
	Begun  int64 // Unix time in ns
	Counts bool  // the client needs the server
	Source limit.Source
	From   string // for a log line
}

// Server is a server on demand.
type Server struct {
	Machine demand.Machine // its process is one of State.Helpers unless it has ended
	Session int            // the session begun last
	Path    string         // of its program
	User    uint32
	Words   int // the descriptor of what it wrote to standard error; 0: none
	Ready   int // the socket where it says that it is ready; 0: none
}

// Draining is a connection to a client that has been sent everything.
type Draining struct {
	FD    int
	Until time.Time
}

// Talk is a conversation of a builtin. Client is a connection that was admitted and waits
// for its server. Each owns its descriptor.
type (
	Talk struct {
		Client
		Begun  int64     // Unix time in ns
		Got    []byte    // what was read and not answered
		Unsent []byte    // the rest of an answer
		Until  time.Time // when it is ended; zero: it goes on while anybody says something
		Over   bool      // nothing more is to be said
	}
	Client struct {
		FD      int
		Service int
		Session int // index in State.Sessions; -1: none
		Peer    Peer
	}
)

// Encode returns the text of a state. It sets Format and Version.
func Encode(s *State) ([]byte, error) {
	s.Format, s.Version = format, Version
	return json.Marshal(s)
}

var errFormat = errors.New("this is not the state of an inetd")

// Decode reads the text of a state. A state of another version, or one that refers to
// what is not there, is an error.
func Decode(text []byte) (*State, error) {
	var head struct {
		Format  string
		Version int
	}
	if json.Unmarshal(text, &head) != nil || head.Format != format {
		return nil, errFormat
	}
	if head.Version != Version {
		return nil, fmt.Errorf("the state has version %d, and this program understands %d", head.Version, Version)
	}
	s := &State{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("the state of an inetd: %w", err)
	}
	return s, s.check()
}
