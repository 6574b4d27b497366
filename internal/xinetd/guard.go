package xinetd

import (
	"math"
	"slices"
	"strconv"

	"inetd/internal/conf"
)

// putOnlyFrom adds who may use the service. An empty list is nobody.
func (s *service) putOnlyFrom(a *attribute) {
	values := s.reaching(a.values)
	if len(values) == 0 {
		s.nobody = true
		return
	}
	s.add(a, "allow", values...)
}

// putNoAccess adds who may not use the service, unless nobody may: guard adds that.
func (s *service) putNoAccess(a *attribute) {
	if values := s.reaching(a.values); len(values) > 0 && !s.nobody {
		s.add(a, "deny", values...)
	}
}

// guard adds what keeps clients out and depends on several attributes.
func (s *service) guard() {
	if s.nobody {
		s.drop("deny")
		s.implied("deny", "0.0.0.0/0", "::/0")
	}
	s.first()
	s.wrap()
}

// drop takes a key out of the definition.
func (s *service) drop(key string) {
	kept := s.def.Options[:0]
	for _, o := range s.def.Options {
		if o.Key.Text != key {
			kept = append(kept, o)
		}
	}
	s.def.Options = kept
}

// wrap decides whether hosts.allow and hosts.deny are asked. xinetd does not ask them
// about an RPC stream service. If this daemon cannot ask them although they have rules,
// the service is not served.
func (s *service) wrap() {
	flags, libwrap := s.get("flags"), s.get("libwrap")
	stream := s.text("socket_type") == "stream" || s.text("socket_type") == "" && s.protocol() == "tcp"
	switch {
	case s.senses():
	case s.has("flags", "NOLIBWRAP"):
		s.add(flags, "wrap", word("no", flags.name))
	case s.rpc() && stream:
		s.implied("wrap", "no")
	case stream && !s.waits():
		s.implied("wrap", "yes")
		if libwrap != nil {
			s.add(libwrap, "wrap_name", libwrap.values...)
		}
	case s.Rules:
		s.errorf(s.name.Pos, "write flags = NOLIBWRAP if it may be open to all", "not served: hosts.allow or hosts.deny has rules, and is not asked about datagrams or for a server that waits")
	}
}

func (s *service) putFlags(a *attribute) {
	s.among(a)
	var options []conf.Word
	for _, w := range a.values {
		switch w.Text {
		case "KEEPALIVE":
			options = append(options, word("keepalive", w))
		case "NODELAY":
			options = append(options, word("nodelay", w))
		case "NORETRY":
			s.once(conf.Hint, w.Pos, "NORETRY has no effect: a start that fails is tried again for the next client", "")
		case "INTERCEPT":
			s.intercept(w)
		case "IDONLY":
			s.idOnly(w)
		case "SENSOR":
			s.sensor(w)
		case "LABELED":
			s.closed(w, "servers do not get the SELinux context of the connection")
		}
	}
	if len(options) > 0 && s.protocol() == "tcp" {
		s.add(a, "sockopt", options...)
	}
}

// closed reports a flag that cannot be honoured and without which the service would be
// open to more clients than its author wants.
func (s *service) closed(w conf.Word, why string) {
	s.errorf(w.Pos, "remove the flag if the service can do without", "flag %s: %s, service not served", w.Text, why)
}

// sensor adds the key by which no service serves whoever has connected to this one.
func (s *service) sensor(w conf.Word) {
	if s.protocol() != "tcp" || s.waits() || s.rpc() || s.mux() {
		s.closed(w, "only the client of a tcp connection is known for certain")
		return
	}
	o := conf.Option{Key: word("sensor", w), Values: []conf.Word{word(s.denyTime(s.get("deny_time")), w)}, Means: "SENSOR"}
	s.def.Options = append(s.def.Options, o)
}

// intercept handles INTERCEPT: xinetd then checks each packet for a server that waits.
func (s *service) intercept(w conf.Word) {
	switch {
	case !s.waits() || s.internal():
		s.once(conf.Hint, w.Pos, "INTERCEPT has no effect: it is for servers that wait", "")
	case s.get("only_from") != nil || s.get("no_access") != nil || !s.has("flags", "NOLIBWRAP"):
		s.closed(w, "what reaches a server that waits is not looked at")
	}
}

// idOnly handles IDONLY: clients must say who they are. xinetd asks them only if its
// log wants it.
func (s *service) idOnly(w conf.Word) {
	if !s.has("log_on_success", "USERID") && !s.has("log_on_failure", "USERID") {
		s.once(conf.Hint, w.Pos, "IDONLY has no effect without USERID in log_on_success", "")
		return
	}
	s.closed(w, "clients are not asked who they are")
}

// putAccessTimes adds the hours of the day, which cannot go over midnight in xinetd.
func (s *service) putAccessTimes(a *attribute) {
	for _, w := range a.values {
		if h, ok := conf.ParseHours(w.Text); !ok || h.From >= h.To {
			s.bad(a, w, "expected such as 08:00-17:30, and two of them for one over midnight")
		}
	}
	s.add(a, "hours", a.values...)
}

// putMaxLoad adds the load average at which nobody is served any more.
func (s *service) putMaxLoad(a *attribute) {
	w := a.values[0]
	n, err := strconv.ParseFloat(w.Text, 64)
	if err != nil || !(n > 0) || math.IsInf(n, 0) {
		s.bad(a, w, "expected a number above 0, such as 2.5")
		return
	}
	s.add(a, "max_load", word(strconv.FormatFloat(n, 'f', -1, 64), w))
}

// first has the lists of clients of a wait service applied to the datagram that starts
// its server, as xinetd does. A wait service for connections cannot have such lists.
func (s *service) first() {
	i := slices.IndexFunc(s.def.Options, func(o conf.Option) bool { return o.Key.Text == "allow" || o.Key.Text == "deny" })
	switch {
	case i < 0 || !s.waits() || s.internal():
	case s.protocol() == "tcp":
		list := s.def.Options[i].Key.Pos
		s.errorf(s.name.Pos, "a server that takes its clients itself must know whom to refuse", "not served: nobody can be refused who talks to a server that waits for connections, and %s has a list of clients", list)
	case s.protocol() == "udp":
		s.implied("check_first", "yes")
		s.once(conf.Warning, s.def.Options[i].Key.Pos, "a server that waits is started only for the clients that it is for, and then reads the datagrams of all", "it is the same with xinetd; a firewall keeps others out")
	}
}
