package conf

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Keys is what an entry asks for beyond its columns: the typed values of the
// second syntax, from its own definition and from those that amend it. An
// entry that asks for nothing has no Keys. Where the zero value of a field is a
// value of the key, Has tells whether the key was written. Entries may share Keys,
// so nobody may change them.
type Keys struct {
	Options []Option // the keys in force, with their places, in the order of the table

	// When a server is ended. 0 is never.
	MaxTime  time.Duration // after its start, however busy it is
	IdleTime time.Duration // after the last byte either way
	EndTime  time.Duration // from SIGTERM to SIGKILL

	// What it may use, and how it runs.
	Rlimits      []Rlimit // in the order of RlimitNames; nil: none is set
	Nice         int      // -20 to 19
	IOPriority   IOPriority
	CPUs         []int // in ascending order
	Umask        uint32
	OOMScore     int // -1000 to 1000
	Directory    string
	Chroot       string
	Groups       []string // in place of the user's own; empty and not nil: none
	Env          []string // NAME=value
	PassEnv      []string // the names of the daemon's variables that it may see; "*": all
	RemoteHost   bool     // REMOTE_HOST is the client's address where its name is not known
	NoNewPrivs   bool
	Capabilities uint64 // bit n is number n of capabilities(7)
	Stderr       string // "socket", "log", "null" or a path; "": socket
	PTY          bool

	// Who may use it.
	Allow, Deny   []Client
	Wrap          bool
	CheckFirst    bool          // a wait server is started only for a datagram whose sender may use it
	WrapName      string        // the name of the service in hosts.allow; "": that of its server
	Hours         []Hours       // of local time, when it is open; nil: always
	Sensor        time.Duration // for how long no service serves a client that has connected here; Forever is possible
	Banner        string        // a file whose text is sent first to every client
	BannerSuccess string        // a file whose text is sent to a client that is served
	BannerFail    string        // a file whose text is sent to a client that is refused
	MaxLoad       float64       // the load average at which it closes; 0: none
	Refuse        string        // the text for a client that is refused
	FullRefuse    bool          // at a maximum clients are refused instead of left to wait
	SourceV4      int           // bits of an address that make one source; 0: as many as usual
	SourceV6      int
	Penalties     Penalties
	PenaltyMin    time.Duration
	PenaltyMax    time.Duration
	PenaltyExempt []netip.Prefix
	Proxy         []netip.Prefix // peers whose PROXY header is believed
	Backlog       int
	Sockopt       Sockopt
	Linger        time.Duration // how long the client has to close after its server has ended; 0: none
	Connect       Place
	StartTime     time.Duration
	ReadyNotify   bool // the backend itself says that it is ready, by sd_notify(3)
	WakeData      bool // the backend is started at a client's first data, not at its connection
	ProxySend     int  // the version of the PROXY header sent to a backend; 0: none
}

// RlimitNames are the resources of the keys rlimit_*, without that prefix.
var RlimitNames = [...]string{"as", "core", "cpu", "data", "fsize", "memlock", "nofile", "nproc", "rss", "stack"}

// Unlimited means that there is no bound. It is the kernel's RLIM_INFINITY.
const Unlimited = ^uint64(0)

// Rlimit bounds a resource: nofile and nproc by number, cpu in seconds, others in bytes.
type Rlimit struct {
	Set        bool
	Soft, Hard uint64
}

// IOPriority is a class of ionice(1) and a level in it. Class "": none is set.
type IOPriority struct {
	Class string // "realtime", "best-effort" or "idle"
	Level int    // 0 to 7, 0 first
}

// Client is a network or, where Net is not valid, the name of a host, or of a domain
// with a dot before it.
type Client struct {
	Net  netip.Prefix
	Name string
}

// Penalties are what each kind of end of a server adds to its client's penalty.
type Penalties struct {
	Crash, Fail, Refused time.Duration
}

// Sockopt are options of the sockets of a service.
type Sockopt struct {
	KeepAlive, NoDelay, FreeBind bool
	Device, Congestion           string
	Mark                         uint32
	TOS                          int
	FastOpen                     int
	UserTimeout                  time.Duration
}

// Place is where a backend listens.
type Place struct {
	Network string // "tcp", "unix" or "vsock"; "": there is no backend
	Address string // host:port, a path or @name, cid:port
}

// Where returns the place as it is written for the key connect.
func (p Place) Where() string {
	if p.Network == "vsock" {
		return "vsock:" + p.Address
	}
	return p.Address
}

// Has tells whether a key is in force.
func (k *Keys) Has(key string) bool {
	return k != nil && slices.ContainsFunc(k.Options, func(o Option) bool { return o.Key.Text == key })
}

// At returns where a key that is in force was written, or the zero Pos.
func (k *Keys) At(key string) Pos {
	if k != nil {
		for i := range k.Options {
			if k.Options[i].Key.Text == key {
				return k.Options[i].Key.Pos
			}
		}
	}
	return Pos{}
}

// Written returns what was written for a key: the key, or a word of another
// program's file.
func (k *Keys) Written(key string) string {
	if k != nil {
		for i := range k.Options {
			if o := &k.Options[i]; o.Key.Text == key && o.Means != "" {
				return o.Means
			}
		}
	}
	return key
}

// Without returns a copy of the keys without the options for which drop returns true. It
// clears those values that somebody reads without asking Has.
func (k *Keys) Without(drop func(Option) bool) *Keys {
	kept := *k
	kept.Options = slices.DeleteFunc(slices.Clone(k.Options), drop)
	if !kept.Has("idle_time") {
		kept.IdleTime = 0
	}
	if !kept.Has("pty") {
		kept.PTY = false
	}
	if !kept.Has("stderr") {
		kept.Stderr = ""
	}
	if !kept.Has("nice") {
		kept.Nice = 0
	}
	kept.Rlimits = slices.Clone(k.Rlimits)
	for i := range kept.Rlimits {
		if !kept.Has("rlimit_" + RlimitNames[i]) {
			kept.Rlimits[i] = Rlimit{}
		}
	}
	return &kept
}

// set puts an option in force, in place of any other with the same key.
func (k *Keys) set(o Option) {
	rank := func(o Option) int { return order[o.Key.Text] }
	i, found := slices.BinarySearchFunc(k.Options, o, func(a, b Option) int { return rank(a) - rank(b) })
	k.Options = slices.Clone(k.Options) // other Keys may share them
	if found {
		k.Options[i] = o
		return
	}
	k.Options = slices.Insert(k.Options, i, o)
}

// kind tells what is special about a key.
type kind uint8

const (
	column  kind = 1 << iota // a classic column: define reads it together with others
	limit                    // its value goes into a field of Entry that a classic column may set as well
	access                   // it keeps clients out, so a mistake in it must let nobody in
	nothing                  // it has no effect
)

// row is one key.
type row struct {
	name        string
	least, most int // values; -1: any number
	kind        kind
	read        func(*draft, *Keys, []Word) // puts the values into the entry; nil for a column
}

// table has one row for each key, in the order in which keys are offered and printed.
var table = [...]row{
	{"protocol", 1, 1, column, nil},
	{"socktype", 1, 1, column, nil},
	{"wait", 1, 1, column, nil},
	{"user", 1, 1, column, nil},
	{"group", 1, 1, column, nil},
	{"exec", 1, 1, column, nil},
	{"args", 1, -1, column, nil},
	{"bind", 1, -1, column, nil},
	{"port", 1, 1, column, nil},

	{"sndbuf", 1, 1, limit, func(d *draft, _ *Keys, v []Word) { d.e.SndBuf = d.size(v[0], 0, v[0].Text) }},
	{"recvbuf", 1, 1, limit, func(d *draft, _ *Keys, v []Word) { d.e.RcvBuf = d.size(v[0], 0, v[0].Text) }},
	{"acceptfilter", 1, 2, limit, func(d *draft, _ *Keys, v []Word) { d.acceptFilter(v[0], 0, v[0].Text) }},
	{"service_max", 1, 1, limit, func(d *draft, _ *Keys, v []Word) { d.e.Limits.Starts, d.e.Limits.Window = d.rate(v[0]) }},
	{"accept_max", 1, 1, limit, func(d *draft, _ *Keys, v []Word) { d.e.Limits.Max = d.number(v[0], 0, v[0].Text) }},
	{"ip_max", 1, 1, limit, func(d *draft, _ *Keys, v []Word) { d.e.Limits.PerMinute, d.e.Limits.SourceWindow = d.rate(v[0]) }},
	{"source_max", 1, 1, limit, func(d *draft, _ *Keys, v []Word) { d.e.Limits.PerSource = d.number(v[0], 0, v[0].Text) }},
	{"ipsec", 0, 1, nothing, (*draft).ipsec},

	{"max_time", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.MaxTime = d.duration(v[0]) }},
	{"idle_time", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.IdleTime = d.duration(v[0]) }},
	{"end_time", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.EndTime = d.duration(v[0]) }},

	{"rlimit_as", 1, 1, 0, (*draft).rlimit},
	{"rlimit_core", 1, 1, 0, (*draft).rlimit},
	{"rlimit_cpu", 1, 1, 0, (*draft).rlimit},
	{"rlimit_data", 1, 1, 0, (*draft).rlimit},
	{"rlimit_fsize", 1, 1, 0, (*draft).rlimit},
	{"rlimit_memlock", 1, 1, 0, (*draft).rlimit},
	{"rlimit_nofile", 1, 1, 0, (*draft).rlimit},
	{"rlimit_nproc", 1, 1, 0, (*draft).rlimit},
	{"rlimit_rss", 1, 1, 0, (*draft).rlimit},
	{"rlimit_stack", 1, 1, 0, (*draft).rlimit},
	{"nice", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.Nice = d.integer(v[0], -20, 19) }},
	{"ioprio", 1, 1, 0, (*draft).ioPriority},
	{"cpus", 1, -1, 0, (*draft).cpus},
	{"umask", 1, 1, 0, (*draft).umask},
	{"oom_score", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.OOMScore = d.integer(v[0], -1000, 1000) }},

	{"directory", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.Directory = d.path(v[0]) }},
	{"chroot", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.Chroot = d.path(v[0]) }},
	{"groups", 1, -1, 0, (*draft).groups},
	{"env", 1, -1, 0, (*draft).env},
	{"pass_env", 0, -1, 0, (*draft).passEnv},
	{"remote_host", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.RemoteHost = d.yes(v[0]) }},
	{"no_new_privs", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.NoNewPrivs = d.yes(v[0]) }},
	{"capabilities", 1, -1, 0, (*draft).capabilities},
	{"stderr", 1, 1, 0, (*draft).stderr},
	{"pty", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.PTY = d.yes(v[0]) }},

	{"allow", 1, -1, access, func(d *draft, k *Keys, v []Word) { k.Allow = d.clients(v) }},
	{"deny", 1, -1, access, func(d *draft, k *Keys, v []Word) { k.Deny = d.clients(v) }},
	{"wrap", 1, 1, access, func(d *draft, k *Keys, v []Word) { k.Wrap = d.yes(v[0]) }},
	{"check_first", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.CheckFirst = d.yes(v[0]) }},
	{"wrap_name", 1, 1, access, (*draft).wrapName},
	{"hours", 1, -1, access, (*draft).hours},
	{"max_load", 1, 1, access, (*draft).maxLoad},
	{"sensor", 1, 1, access, (*draft).sensor},
	{"banner", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.Banner = strings.Clone(d.path(v[0])) }},
	{"banner_success", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.BannerSuccess = strings.Clone(d.path(v[0])) }},
	{"banner_fail", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.BannerFail = strings.Clone(d.path(v[0])) }},
	{"refuse", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.Refuse = d.shortText(v[0]) }},
	{"full", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.FullRefuse = d.choice(v[0], "wait", "refuse") == 1 }},
	{"source_prefix", 1, 1, 0, (*draft).sourcePrefix},
	{"penalty", 1, -1, 0, (*draft).penalty},
	{"penalty_min", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.PenaltyMin = d.duration(v[0]) }},
	{"penalty_max", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.PenaltyMax = d.duration(v[0]) }},
	{"penalty_exempt", 1, -1, 0, func(d *draft, k *Keys, v []Word) { k.PenaltyExempt = d.networks(v) }},
	{"proxy", 1, -1, access, func(d *draft, k *Keys, v []Word) { k.Proxy = d.networks(v) }},

	{"backlog", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.Backlog = d.integer(v[0], 1, maxInt32) }},
	{"sockopt", 1, -1, 0, (*draft).sockopt},
	{"linger", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.Linger = d.duration(v[0]) }},

	{"connect", 1, 1, 0, (*draft).connect},
	{"start_time", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.StartTime = d.duration(v[0]) }},
	{"ready", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.ReadyNotify = d.choice(v[0], "connect", "notify") == 1 }},
	{"wake", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.WakeData = d.choice(v[0], "connect", "data") == 1 }},
	{"proxy_send", 1, 1, 0, func(d *draft, k *Keys, v []Word) { k.ProxySend = 1 + d.choice(v[0], "v1", "v2") }},
}

// order is the index of each key in the table.
var order = func() map[string]int {
	m := make(map[string]int, len(table))
	for i := range table {
		m[table[i].name] = i
	}
	return m
}()

// find returns the row of a key, or nil.
func find(key string) *row {
	if i, ok := order[key]; ok {
		return &table[i]
	}
	return nil
}

// keyNames returns the names of all keys.
func keyNames() (names []string) {
	for i := range table {
		names = append(names, table[i].name)
	}
	return names
}
