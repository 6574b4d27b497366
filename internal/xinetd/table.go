package xinetd

// scope is where an attribute may stand.
type scope uint8

const (
	inService scope = 1 << iota
	inDefaults
	anywhere = inService | inDefaults
)

// where says in words where to write the attribute.
func (s scope) where() string {
	if s == inDefaults {
		return "into defaults"
	}
	return "into the service"
}

// Numbers of values that are not fixed.
const (
	many = -1 // any number
	some = -2 // at least one
)

// row is one attribute.
type row struct {
	name   string
	in     scope
	values int
	list   bool // += and -= are possible, and in defaults = adds values
	access bool // it decides who is served
	early  bool // a service begins with its values in the defaults above the service, and can add to them

	of   []string                                                         // words that it may have
	each func(r *Reader, value string) (means []string, why, hint string) // reads one value of a list
	put  func(s *service, a *attribute)                                   // adds what it means to the definition; nil: it is read together with others
}

// Words of several attributes.
var (
	yesNo     = []string{"no", "yes"}
	unlimited = []string{"UNLIMITED"}
	flags     = []string{"REUSE", "INTERCEPT", "NORETRY", "IDONLY", "NAMEINARGS", "NODELAY", "KEEPALIVE", "NOLIBWRAP", "SENSOR", "IPv4", "IPv6", "LABELED"}
)

// table has the attributes of xinetd 2.3.15.4, in the order of its manual.
var table = []row{
	{name: "id", in: inService, values: 1},
	{name: "type", in: inService, values: some, of: []string{"INTERNAL", "RPC", "TCPMUX", "TCPMUXPLUS", "UNLISTED"}, put: (*service).among},
	{name: "flags", in: inService, values: some, of: flags, put: (*service).putFlags},
	{name: "disable", in: inService, values: 1, of: yesNo, put: (*service).among},
	{name: "socket_type", in: inService, values: 1, of: []string{"stream", "dgram", "raw", "seqpacket"}, put: choice("socktype")},
	{name: "protocol", in: inService, values: 1, put: (*service).putProtocol},
	{name: "wait", in: inService, values: 1, of: yesNo, put: choice("wait")},
	{name: "user", in: inService, values: 1, put: same("user")},
	{name: "group", in: inService, values: 1, put: same("group")},
	{name: "instances", in: anywhere, values: 1, of: unlimited, put: atOnce("accept_max")},
	{name: "nice", in: inService, values: 1, put: (*service).putNice},
	{name: "server", in: inService, values: 1},
	{name: "server_args", in: inService, values: some},
	{name: "libwrap", in: inService, values: 1},
	{name: "only_from", in: anywhere, values: many, access: true, list: true, early: true, each: clients, put: (*service).putOnlyFrom},
	{name: "no_access", in: anywhere, values: many, access: true, list: true, early: true, each: clients, put: (*service).putNoAccess},
	{name: "access_times", in: inService, values: some, access: true, put: (*service).putAccessTimes},
	{name: "log_type", in: anywhere, values: some, of: []string{"SYSLOG", "FILE"}, put: (*service).putLogType},
	{name: "log_on_success", in: anywhere, values: many, list: true, early: true, of: []string{"PID", "HOST", "USERID", "EXIT", "DURATION", "TRAFFIC"}, put: logs("a client is logged if hosts.allow was asked about it")},
	{name: "log_on_failure", in: anywhere, values: many, list: true, early: true, of: []string{"HOST", "USERID", "ATTEMPT", "RECORD"}, put: logs("clients that are refused are logged")},
	{name: "rpc_version", in: inService, values: 1},
	{name: "rpc_number", in: inService, values: 1},
	{name: "env", in: inService, values: many, list: true, put: same("env")},
	{name: "passenv", in: anywhere, values: many, list: true, early: true},
	{name: "port", in: inService, values: 1},
	{name: "redirect", in: inService, values: 2, put: (*service).putRedirect},
	{name: "bind", in: anywhere, values: 1},
	{name: "banner", in: anywhere, values: 1, early: true, put: (*service).putBanner},
	{name: "banner_success", in: anywhere, values: 1, early: true, put: (*service).putBanner},
	{name: "banner_fail", in: anywhere, values: 1, early: true, put: (*service).putBanner},
	{name: "per_source", in: anywhere, values: 1, of: unlimited, put: atOnce("source_max")},
	{name: "cps", in: anywhere, values: 2},
	{name: "max_load", in: anywhere, values: 1, access: true, put: (*service).putMaxLoad},
	{name: "groups", in: anywhere, values: 1, of: yesNo, put: (*service).among},
	{name: "mdns", in: inService, values: 1, put: vain("services are not announced")},
	{name: "umask", in: anywhere, values: 1, put: (*service).putUmask},
	{name: "enabled", in: inDefaults, values: many, list: true},
	{name: "disabled", in: inDefaults, values: many, list: true},
	{name: "rlimit_as", in: inService, values: 1, of: unlimited, put: bound("rlimit_as")},
	{name: "rlimit_files", in: inService, values: 1, of: unlimited, put: bound("rlimit_nofile")},
	{name: "rlimit_cpu", in: inService, values: 1, of: unlimited, put: bound("rlimit_cpu")},
	{name: "rlimit_data", in: inService, values: 1, of: unlimited, put: bound("rlimit_data")},
	{name: "rlimit_rss", in: inService, values: 1, of: unlimited, put: bound("rlimit_rss")},
	{name: "rlimit_stack", in: inService, values: 1, of: unlimited, put: bound("rlimit_stack")},
	{name: "deny_time", in: inService, values: 1, of: []string{"FOREVER", "NEVER"}, put: (*service).putDenyTime},
	{name: "v6only", in: anywhere, values: 1, of: yesNo, put: (*service).among},
}

// attributes are the rows by their names.
var attributes = map[string]*row{}

func init() {
	for i := range table {
		attributes[table[i].name] = &table[i]
	}
	attributes["interface"] = attributes["bind"]
}

// names returns the names of the attributes that may stand in a scope.
func names(in scope) (list []string) {
	for _, r := range table {
		if r.in&in != 0 {
			list = append(list, r.name)
		}
	}
	return list
}
