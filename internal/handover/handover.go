// Package handover is what a daemon leaves to the program that takes its place in the
// same process: descriptors with what each is, the children it has, and what counts.
// In goes a State; out comes text that another version of the program reads, and from
// that text a State again, which holds together whatever the text was.
//
// The text is JSON. A field that a program does not know is ignored, and one that is
// missing is its zero value, so that older and newer programs of one Version
// understand each other. A change that they would misunderstand takes a new Version.
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

// Version is that of the states that this program writes and reads.
const Version = 1

// format is the first thing in the text.
const format = "inetd state"

// State is all that goes over. Descriptors are numbers above 2 and stay open under
// them through the exec; times are absolute.
type State struct {
	Format  string
	Version int

	Process Process
	Daemon  Daemon

	Actions    []json.RawMessage // of services, which share them
	Services   []Service         // those in force, and those before that children are of
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

// Servers is how many servers run, those on demand included.
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
	LogConnections bool          // as it was toggled
	Known          []string      // configuration files that were read, and would be missed
	Sensed         *limit.Ledger `json:",omitempty"` // clients that have touched a sensor
}

// Service is an entry and what it has used up.
type Service struct {
	Label   string
	File    string // of the entry
	Line    int
	Action  int    // of State.Actions
	InForce bool   // else a reload has removed or replaced it
	Usage   *Usage `json:",omitempty"` // nil: nothing yet
	Shares  int    // the service before it in State.Services whose Usage it has; -1: its own
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

// Socket is one that is open.
type Socket struct {
	Spec      sock.Spec
	FD        int       // 0: it is not open
	Service   int       // of State.Services; -1: no entry asks for it
	File      sock.File // at its path, if the daemon has made it
	Inherited bool      // the service manager has opened it
	Closed    bool      // a reload has removed it, and a wait server still has it
}

// Child is a server that runs.
type Child struct {
	PID     int
	Service int
	Path    string    // of its program
	Begun   int64     // Unix time in ns
	Kill    time.Time // when it is killed, having been told to end; zero: it was not
	Lent    int       // of State.Sockets, what a wait server has; -1: nothing
	Queued  int64     // what was in its queue
	Session int       // of State.Sessions; -1: none
	Cookie  uint64    // of its connection, if that may not be idle for ever
	Kept    int       // a descriptor of its connection, of which the end is the daemon's; 0: none
	Stderr  int       // what it writes on its standard error comes out here, for the log; 0: nowhere
	Peer    Peer
}

// Peer is who a client is.
type Peer struct {
	Addr          netip.AddrPort
	UID, GID, PID int // of a UNIX-domain client, if PID is not 0
	Source        limit.Source
	Local, Proxy  netip.AddrPort // where it has connected to, by which proxy; if Proxy is valid
	Named         bool           // its name decides whether it is served
}

// Session is a client of a nowait datagram service with its server.
type Session struct {
	FD            int
	Socket        int // of State.Sockets
	Client, Asked netip.AddrPort
	Local         netip.AddrPort
	Taken         int64
}

// Demand is a service whose clients are passed on to a place, by a relay.
type Demand struct {
	Service int
	FD      int      // the daemon's end of the relay's pair; 0: none runs
	Relay   int      // its process, of State.Helpers unless it has ended
	Words   int      // what that writes on its standard error; 0: nothing
	Unsaid  [][]byte // commands that it has not taken yet
	Trusts  bool     // it was told that the server is who answers at the place
	Causes  bool     // it tells connections that have not reached the place from others; one of an older program does not
	Last    uint32   // number given to a client
	In, Out uint64   // bytes from clients and to them
	Retired bool     // it ends with its last client
	Clients []Passenger
	Server  *Server `json:",omitempty"` // nil: the entry has none
}

// Passenger is a client that a relay has.
type Passenger struct {
	ID     uint32
	Begun  int64 // Unix time in ns
	Counts bool  // the server is needed for it
	Source limit.Source
	From   string // in a log line
}

// Server is one that is started on demand.
type Server struct {
	Machine demand.Machine // its process is one of State.Helpers unless it has ended
	Session int            // that was begun last
	Path    string         // of its program
	User    uint32
	Words   int // what it writes on its standard error; 0: nothing
	Ready   int // where it says that it is ready; 0: nowhere
}

// Draining is a connection on which all was sent.
type Draining struct {
	FD    int
	Until time.Time
}

// Talk is a conversation of a builtin, and Client a connection that has been
// admitted and waits for its server. Each owns its descriptor.
type (
	Talk struct {
		Client
		Begun  int64     // Unix time in ns
		Got    []byte    // what was read and not answered
		Unsent []byte    // the rest of an answer
		Until  time.Time // it ends then; zero: as long as anybody says something
		Over   bool      // all was said that there is to say
	}
	Client struct {
		FD      int
		Service int
		Session int // of State.Sessions; -1: none
		Peer    Peer
	}
)

// Encode makes the text of a state.
func Encode(s *State) ([]byte, error) {
	s.Format, s.Version = format, Version
	return json.Marshal(s)
}

var errFormat = errors.New("this is not the state of an inetd")

// Decode reads the text of a state. It is an error if that is of another version, or
// refers to what is not there.
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
