package xinetd

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/conf"
)

// service is a block in the making: a service, or the defaults.
type service struct {
	*Reader
	settings
	root    *conf.File // the file given to Read by which it was read
	head    conf.Word  // "service" or "defaults"
	name    conf.Word
	last    int  // its last line; 0: it is being read
	broken  bool // it will not be served
	unended bool // its end is missing
	nobody  bool // an attribute lets no client in
	refuses bool // it has a maximum, beyond which clients are refused
	def     conf.Definition
}

func (s *service) isDefaults() bool { return s.head.Text == "defaults" }

func (s *service) report(severity conf.Severity, at conf.Pos, text, hint string) {
	own := at.File == s.head.Pos.File && at.Line >= s.head.Pos.Line && (s.last == 0 || at.Line <= s.last)
	to, p := &s.Apart, problem(severity, at, text, hint)
	if own {
		to = &s.def.Problems
	}
	if s.def.State == conf.Off {
		s.whileOff(p, own)
		return
	}
	s.Problems = append(s.Problems, p)
	*to = append(*to, p)
}

// whileOff notes a problem of a service that is off. --convert prints problems in the
// block, and errors in the defaults, which would close the service if it were on. A
// check of the files reports problems in the lines of the block, but not attributes that
// are missing: a block may say disable = yes and nothing else.
func (s *service) whileOff(p conf.Problem, own bool) {
	if own || p.Severity == conf.Error {
		s.def.Problems = append(s.def.Problems, p)
	}
	if own && p.Pos.Line > s.name.Pos.Line {
		s.Idle(p)
	}
}

// once is report for a place that several services share: it reports each place once.
func (s *service) once(severity conf.Severity, at conf.Pos, text, hint string) {
	if s.def.State == conf.Off {
		s.report(severity, at, text, hint)
	} else if !s.told[at] {
		s.told[at] = true
		s.report(severity, at, text, hint)
	}
}

// begin gives a block what it starts from: to a service the early attributes of the
// defaults above it, and to defaults all those of the files before.
func (s *service) begin() {
	for _, a := range s.defaults {
		if s.isDefaults() || a.row.early {
			a.own = s.isDefaults()
			s.settings = append(s.settings, a)
		}
	}
}

// keep makes the attributes of a block "defaults" the defaults. A second such block in
// a file is ignored.
func (s *service) keep() {
	file := s.head.Pos.File
	if at, twice := s.defaultsIn[file]; twice {
		s.report(conf.Error, s.head.Pos, fmt.Sprintf("second defaults in the file, ignored: line %d has the first", at.Line), "write one block")
		return
	}
	s.defaultsIn[file] = s.head.Pos
	for _, a := range s.settings {
		if a.row.early && a.name.Pos.File == file && len(s.services) > 0 {
			s.report(conf.Warning, a.name.Pos, a.name.Text+" holds for the services below only", "write defaults before the services")
		}
	}
	s.Reader.defaults = s.settings
}

// off reports whether the block itself disables its service.
func (s *service) off() bool { return s.text("disable") == "yes" }

// id returns the name of the service in the attributes enabled and disabled.
func (s *service) id() string {
	if id := s.text("id"); id != "" {
		return id
	}
	return s.name.Text
}

// disabled reports whether the service is not to be served.
func (s *service) disabled() bool {
	d := s.defaults
	return s.off() || d.get("enabled") != nil && !d.has("enabled", s.id()) || d.has("disabled", s.id())
}

// serves reports whether the service is on and no mistake has been found in it yet.
func (s *service) serves() bool { return !s.broken && s.def.State == conf.On }

func (s *service) internal() bool { return s.has("type", "INTERNAL") || s.senses() }
func (s *service) senses() bool   { return s.has("flags", "SENSOR") }
func (s *service) rpc() bool      { return s.has("type", "RPC") }
func (s *service) unlisted() bool { return s.has("type", "UNLISTED") }
func (s *service) waits() bool    { return s.text("wait") == "yes" }
func (s *service) mux() bool      { return s.has("type", "TCPMUX") || s.has("type", "TCPMUXPLUS") }

// finish makes the definition, when all defaults are known. first has the services
// before this one by what they listen on.
func (s *service) finish(first map[string]*service) {
	s.def.Service = s.name
	if s.disabled() {
		s.def.State = conf.Off
	}
	s.complete()
	for i := range table {
		if a := s.find(&table[i]); a != nil && a.row.put != nil {
			a.row.put(s, a)
		}
	}
	s.socket()
	s.server()
	s.limits()
	s.guard()
	s.world()
	if s.serves() {
		s.unique(first)
	}
	s.def.Broken = s.broken
}

// complete fills in the defaults. A default with a mistake closes all services that
// would use it.
func (s *service) complete() {
	for _, a := range s.defaults {
		if !a.row.early && s.find(a.row) == nil && a.row.in&inService != 0 {
			a.own = false
			s.settings = append(s.settings, a)
		}
	}
	for i := range table {
		row := &table[i]
		at, broken := s.Reader.broken[row]
		if !broken {
			continue
		}
		if a := s.find(row); (a == nil || !a.own || row.list) && row.in&inService != 0 {
			s.errorf(s.name.Pos, "mend them", "not served: the defaults have a mistake in %s at %s", row.name, at)
		}
	}
}

// add adds a key to the definition, with the place of the attribute it comes from.
func (s *service) add(from *attribute, key string, values ...conf.Word) {
	o := conf.Option{Key: conf.Word{Text: key, Pos: from.name.Pos}, Values: values, General: !from.own}
	if from.name.Text != key {
		o.Means = from.name.Text
	}
	s.def.Options = append(s.def.Options, o)
}

// implied adds a key that no attribute asks for.
func (s *service) implied(key string, values ...string) {
	o := conf.Option{Key: conf.Word{Text: key, Pos: s.name.Pos}, General: true}
	for _, v := range values {
		o.Values = append(o.Values, conf.Word{Text: v, Pos: s.name.Pos})
	}
	s.def.Options = append(s.def.Options, o)
}

// word returns a value with a text that differs from the one in the file.
func word(text string, at conf.Word) conf.Word { return conf.Word{Text: text, Pos: at.Pos} }

// missing reports an attribute that the service needs but does not have.
func (s *service) missing(name string, needed bool) {
	if needed && s.get(name) == nil {
		s.errorf(s.name.Pos, "write "+name+" = VALUE", "the attribute %q is missing", name)
	}
}

// socket adds what the service listens on.
func (s *service) socket() {
	s.missing("wait", true)
	s.missing("rpc_version", s.rpc())
	s.missing("rpc_number", s.rpc() && s.unlisted())
	s.missing("port", s.unlisted() && !s.rpc() && !s.mux())
	protocol := s.protocol()
	if protocol == "" {
		s.unsocketed()
		return
	}
	at := s.name
	if v := s.values("protocol"); v != nil {
		at = v[0]
	}
	w := protocol + s.family()
	if s.rpc() {
		w = "rpc/" + w
	}
	s.def.Options = append(s.def.Options, conf.Option{Key: conf.Word{Text: "protocol", Pos: at.Pos}, Values: []conf.Word{word(w, at)}})
	s.service()
	s.bind()
}

// unsocketed reports what is missing to know the protocol. An unknown socket type has
// been reported by choice.
func (s *service) unsocketed() {
	switch s.text("socket_type") {
	case "":
		s.errorf(s.name.Pos, "write socket_type = stream or dgram", `the attribute "socket_type" is missing`)
	case "raw", "seqpacket":
		s.missing("protocol", true)
	}
}

// protocol returns the protocol: the attribute, or what the socket type implies.
func (s *service) protocol() string {
	switch p := s.text("protocol"); p {
	case "":
	case "TCP", "UDP": // aliases in protocols(5)
		return strings.ToLower(p)
	default:
		return p
	}
	return map[string]string{"stream": "tcp", "dgram": "udp"}[s.text("socket_type")]
}

// family returns the suffix of the protocol that stands for only one version of IP.
func (s *service) family() string {
	switch {
	case s.has("flags", "IPv4") && !s.has("flags", "IPv6"):
		return "4"
	case s.text("v6only") == "yes" && s.text("bind") == "":
		return "6only"
	}
	return ""
}

// service sets the name as the second syntax writes it, and adds the port.
func (s *service) service() {
	name := s.name.Text
	switch {
	case s.rpc():
		if s.unlisted() {
			name = s.text("rpc_number")
		}
		name += "/" + s.text("rpc_version")
	case s.mux():
		if !s.unlisted() {
			s.errorf(s.get("type").name.Pos, "add UNLISTED", "a service of tcpmux must be UNLISTED")
		}
		plus := ""
		if s.has("type", "TCPMUXPLUS") {
			plus = "+"
		}
		name = "tcpmux/" + plus + name
	case s.get("port") != nil:
		s.add(s.get("port"), "port", s.values("port")...)
		s.listed()
	}
	if name != s.name.Text {
		s.def.Service = word(name, s.name)
	}
}

// listed checks the port of a service that is not UNLISTED: it must be the one that
// services(5) has for the name.
func (s *service) listed() {
	if s.unlisted() || s.Port == nil {
		return
	}
	w := s.values("port")[0]
	const hint = "write UNLISTED into its type if it has a port of its own"
	switch port, ok := s.Port(s.name.Text, s.protocol()); {
	case !ok:
		s.errorf(s.name.Pos, hint, "services(5) has no %s/%s", s.name.Text, s.protocol())
	case strconv.Itoa(int(port)) != w.Text:
		s.errorf(w.Pos, hint, "services(5) has port %d for %s/%s, not %s", port, s.name.Text, s.protocol(), w.Text)
	}
}

// bind adds the address. To xinetd "::" is every address, including those of IPv4.
func (s *service) bind() {
	a := s.get("bind")
	if a == nil || a.values[0].Text == "::" && s.text("v6only") != "yes" {
		return
	}
	s.add(a, "bind", a.values[0])
}

// internals are the services that xinetd serves itself.
var internals = []string{"echo", "discard", "daytime", "time", "chargen", "tcpmux"}

// server adds the program and its arguments.
func (s *service) server() {
	server, args := s.get("server"), s.get("server_args")
	s.missing("user", !s.internal())
	switch {
	case s.internal():
		if !slices.Contains(internals, s.name.Text) && !s.senses() {
			s.errorf(s.name.Pos, suggest(s.name.Text, internals), "there is no internal service %q", s.name.Text)
		}
		s.implied("exec", "internal")
		return
	case s.get("redirect") != nil:
		return
	case server == nil:
		s.missing("server", true)
		return
	case !strings.HasPrefix(server.values[0].Text, "/"):
		s.errorf(server.values[0].Pos, "write its absolute path", "server %q is no absolute path", server.values[0].Text)
		return
	}
	s.add(server, "exec", server.values[0])
	switch named := s.has("flags", "NAMEINARGS"); {
	case named && args == nil:
		s.errorf(s.get("flags").name.Pos, "write server_args = NAME ...", "NAMEINARGS without server_args")
	case named:
		s.add(args, "args", args.values...)
	case args != nil:
		s.add(args, "args", append([]conf.Word{word(path.Base(server.values[0].Text), server.values[0])}, args.values...)...)
	}
}

// unique reports a service that listens where one before it does: the first counts.
func (s *service) unique(first map[string]*service) {
	name := s.def.Service.Text
	if port := s.text("port"); port != "" && !s.mux() && !s.rpc() {
		name = port
	}
	key := strings.Join([]string{name, s.protocol(), s.family(), s.text("bind")}, " ")
	if before := first[key]; before != nil {
		s.errorf(s.name.Pos, "the first counts", "service %q is the one at %s, or has its port", s.name.Text, before.name.Pos)
		return
	}
	first[key] = s
}
