package inetd

import (
	"time"

	"inetd/internal/conf"
	"inetd/internal/sock"
	"inetd/internal/syslog"
)

// Config is everything the command line decides.
type Config struct {
	Files    []string // configuration files and directories, in order
	Entries  []string // texts of entries, which follow those of the files
	Explicit bool     // Files were given as operands: one that is missing is an error at start
	Services string   // the services file; "": beside the first configuration file, else /etc/services
	Backlog  int      // listen queue of each stream socket; 0: 128

	// Inherited are descriptors of sockets that whoever started the daemon has
	// opened. The daemon owns them, and uses those that entries ask for instead of
	// opening them.
	Inherited []int
	inherited []sock.Spec // what they are
	known     []string    // the configuration files that the last load read
	expected  int         // sockets of the last load: about as many are to be expected

	Starts    int // starts per service and 60 s; 0: no limit
	Max       int // concurrent servers of one service; 0: no limit
	PerMinute int // starts per service, source address and 60 s; 0: no limit
	PerSource int // concurrent servers per service and source address; 0: no limit
	Processes int // concurrent servers altogether; 0: no limit

	Bind           string // the address of entries that name none; "": every address
	KeepEnv        bool   // servers inherit the daemon's whole environment
	Resolve        bool   // servers are told host names too
	Watch          bool   // reload by itself when a file changes on disk
	LogConnections bool   // one line at the start and one at the end of each server
	Wrap           bool   // hosts.allow and hosts.deny decide who reaches server programs
	WrapInternal   bool   // and who reaches the builtins

	AllowFile, DenyFile string // "": /etc/hosts.allow, /etc/hosts.deny
	SecFile             string // HP-UX's inetd.sec, which is obeyed if it exists; "": /var/adm/inetd.sec

	Log      *syslog.Logger
	Watchdog time.Duration      // Notify("WATCHDOG=1") is called this often; 0: never
	Ready    func()             // called once, when the first load is done and its sockets are open; may be nil
	Notify   func(state string) // tells the service manager; must not block; may be nil
}

// Outcome says what one load changed.
type Outcome struct {
	Added, Changed, Removed []string // labels such as "ftp/tcp"
	Kept                    int      // services that stayed as they were
	Problems                []conf.Problem
	Err                     error // the load was refused as a whole and nothing changed
}
