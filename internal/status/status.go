// Package status prints what a running daemon tells of itself. In goes a Snapshot, which
// the event loop has made; out comes a table for a terminal of 80 columns, a full report
// on one service, or OpenMetrics text. The package is pure: it asks no file and no kernel.
package status

import (
	"encoding/json"
	"time"

	"inetd/internal/limit"
)

// Snapshot is the state of a daemon at one moment. The control socket answers with it, as
// one object of JSON.
type Snapshot struct {
	Version         string    `json:"version"`
	PID             int       `json:"pid"`
	Now             time.Time `json:"now"`
	Started         time.Time `json:"started"`
	Loads           int       `json:"loads"`             // how many were put into force, the first included
	Loaded          time.Time `json:"loaded"`            // when the last load was put into force
	Changed         []string  `json:"changed,omitempty"` // files changed on disk since, not reloaded
	Directory       string    `json:"directory"`         // the one that relative paths start from
	Files           []string  `json:"files"`
	Goroutines      int       `json:"goroutines"`
	Descriptors     int       `json:"descriptors"` // open now
	DescriptorLimit uint64    `json:"descriptor_limit"`
	LogLost         uint64    `json:"log_lost"`    // lines that the log had no room for
	Running         int       `json:"running"`     // servers and relays
	Delayed         int       `json:"delayed"`     // clients for whom no process could be made yet
	Environment     []string  `json:"environment"` // of every server, besides the variables about its client
	Services        []Service `json:"services"`

	// Config is the command line of the daemon, for a program that is to read the same
	// files.
	Config json.RawMessage `json:"config"`
}

// Service is the state of a service.
type Service struct {
	Service string   `json:"service"` // its label: "ftp/tcp"
	Place   string   `json:"place"`   // FILE:LINE of its entry
	Server  string   `json:"server"`  // the path of its program, or "internal NAME"
	State   string   `json:"state"`   // Listening, Suspended, Full, Closed or HandedOut
	Until   string   `json:"until,omitempty"`
	Sockets []Socket `json:"sockets"` // empty: tcpmux hands the service out
	Running int      `json:"running"` // servers; of a relay without a server, connections

	// Unstarted counts clients whose servers are not started yet: an inquiry about them is
	// under way, or there is no room for a process.
	Unstarted int          `json:"unstarted,omitempty"`
	Limits    limit.Limits `json:"limits"`
	Keys      []Key        `json:"keys,omitempty"` // in force, beside the columns
	Counts
	Against string  `json:"against_client,omitempty"` // why a client at the address in the request would be turned away
	Demand  *Demand `json:"on_demand,omitempty"`      // nil: the entry has no key connect
}

// Demand is the state of a service whose clients are passed on to a place.
type Demand struct {
	Place    string `json:"place"`
	Relay    int    `json:"relay,omitempty"` // process id of the relay; 0: there is none
	Clients  int    `json:"clients"`         // of the relay
	BytesIn  uint64 `json:"bytes_in"`        // from clients
	BytesOut uint64 `json:"bytes_out"`       // to clients

	Server *Backend `json:"server,omitempty"` // nil: the entry has none
}

// Backend is a server that is started on demand.
type Backend struct {
	Stage  string        `json:"stage"`
	Since  time.Time     `json:"since,omitzero"`      // when the stage began; zero: the server was never needed
	Idle   time.Time     `json:"idle_since,omitzero"` // zero: the server is not ready, or has a client
	PID    int           `json:"pid,omitempty"`       // 0: the daemon has no process for it
	Starts int           `json:"starts"`
	Took   time.Duration `json:"start_took_ns"` // from the last start until the server was ready; 0: it never was
}

// Processes is how many processes the server has: one or none.
func (b *Backend) Processes() int {
	if b.PID == 0 {
		return 0
	}
	return 1
}

// Key is a key in force for a service.
type Key struct {
	Key   string `json:"key"`
	Text  string `json:"text"`  // "max_time = 30s"; for many values, the first and their number
	Place string `json:"place"` // FILE:LINE where it is written
}

// Socket is a socket of a service.
type Socket struct {
	Address string `json:"address"`
	State   string `json:"state"` // in words
}

// Words for the state of a service.
const (
	Listening = "listening" // clients are served
	Suspended = "suspended" // the limit on starts is reached; clients wait
	Full      = "full"      // the limit on servers at once is reached; clients wait
	Closed    = "closed"    // a socket could not be opened
	HandedOut = "by tcpmux" // tcpmux serves its clients; it has no socket
)

// Counts are what has happened to a service since the daemon started, reloads
// included. Counting allocates nothing and asks the kernel nothing.
type Counts struct {
	Accepted   uint64    `json:"accepted"`         // connections, and datagrams that a server was started for
	Started    uint64    `json:"started"`          // servers; of a relay without a server, connections
	Refused    Refused   `json:"refused"`          // clients
	Failed     uint64    `json:"failed"`           // starts that failed, and connections that could not be passed on
	Failures   []Failure `json:"failed_by"`        // Failed by stage and errno; only the latest kinds
	EndedWell  uint64    `json:"ended_well"`       // with status 0 or, on demand, when told to end
	EndedError uint64    `json:"ended_with_error"` // with another status
	Killed     uint64    `json:"killed"`           // by a signal
	Suspended  uint64    `json:"suspended_times"`
	LastClient int64     `json:"last_client"` // Unix time in s; 0: none yet
	LastError  string    `json:"last_error,omitempty"`
	LastAt     int64     `json:"last_error_time,omitempty"` // Unix time in s
}

// Refused counts refused clients by cause.
type Refused struct {
	Limit   uint64 `json:"limit"`   // a limit of their source
	Full    uint64 `json:"full"`    // a limit of the service (key full)
	Rules   uint64 `json:"rules"`   // hosts.allow, hosts.deny, inetd.sec, allow, deny, hours, max_load, a sensor
	Penalty uint64 `json:"penalty"` // a penalty of their source, or it touched a sensor
	Proxy   uint64 `json:"proxy"`   // the peer is no proxy, or sent no header of the PROXY protocol
	Room    uint64 `json:"room"`    // no room for another connection to builtins
}

// Total is how many clients were refused.
func (r Refused) Total() uint64 { return r.Limit + r.Full + r.Rules + r.Penalty + r.Proxy + r.Room }

// Failure counts starts that failed alike.
type Failure struct {
	Stage string `json:"stage"` // the system call: "execv"
	Cause string `json:"cause"` // "No such file or directory"
	Count uint64 `json:"count"`
}

// maxFailures is how many kinds of failure are kept. The oldest makes way for a new one.
const maxFailures = 8

// Fail counts a start that failed, and remembers why.
func (c *Counts) Fail(stage, cause, text string, now time.Time) {
	c.Failed++
	c.Err(text, now)
	for i := range c.Failures {
		if f := &c.Failures[i]; f.Stage == stage && f.Cause == cause {
			f.Count++
			return
		}
	}
	if len(c.Failures) == maxFailures {
		c.Failures = c.Failures[:copy(c.Failures, c.Failures[1:])]
	}
	c.Failures = append(c.Failures, Failure{stage, cause, 1})
}

// Err remembers the last thing that went wrong.
func (c *Counts) Err(text string, now time.Time) { c.LastError, c.LastAt = text, now.Unix() }
