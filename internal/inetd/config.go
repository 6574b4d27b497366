package inetd

import (
	"time"

	"inetd/internal/conf"
	"inetd/internal/handover"
	"inetd/internal/plan"
	"inetd/internal/syslog"
)

// Config is what the command line decides, and what package main hands on with it:
// descriptors, the state of the previous program, the log, and functions to call.
type Config struct {
	plan.Config

	// Inherited are descriptors of sockets that were opened by whoever started the
	// daemon. The daemon owns them, and uses them for entries that ask for such sockets
	// instead of opening new ones.
	Inherited []int

	Processes      int  // concurrent servers altogether; 0: no limit
	KeepEnv        bool // servers inherit the daemon's whole environment
	Resolve        bool // servers are told host names too
	EndServers     bool // servers that run are told to end before Run returns
	Watch          bool // reload by itself when a file changes on disk
	LogConnections bool // one line at the start and one at the end of each server

	Version  string // shown in the status
	Log      *syslog.Logger
	Watchdog time.Duration      // Notify("WATCHDOG=1") is called this often; 0: never
	Left     *handover.State    // what the previous program in this process has left; nil: there was none
	Loaded   func(Outcome)      // called once, with the outcome of the first load; may be nil
	Ready    func()             // called once, when the first load is done and its sockets are open; may be nil
	Notify   func(state string) // tells the service manager; must not block; may be nil
}

// Outcome says what one load changed.
type Outcome struct {
	Added, Changed, Removed []string // labels such as "ftp/tcp"
	Kept                    int      // services that stayed as they were
	Closed                  []string // a line for each socket that could not be opened, with the cause
	Problems                []conf.Problem
	Err                     error // the load was refused as a whole and nothing changed
}
