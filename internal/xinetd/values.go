package xinetd

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/conf"
)

// bad reports a value that an attribute cannot have.
func (s *service) bad(a *attribute, w conf.Word, hint string) {
	text := fmt.Sprintf("bad value %q for %q", w.Text, a.name.Text)
	if !a.own { // all services have it from the defaults
		s.broken = true
		s.once(conf.Error, w.Pos, text, hint)
		return
	}
	s.errorf(w.Pos, hint, "%s", text)
}

// among reports the values of an attribute that are not among its words.
func (s *service) among(a *attribute) {
	for _, w := range a.values {
		s.oneOf(a, w, a.row.of)
	}
}

// oneOf reports a value that is not one of the words, whatever its case.
func (s *service) oneOf(a *attribute, w conf.Word, words []string) {
	if !slices.ContainsFunc(words, func(word string) bool { return alike(word, w.Text) }) {
		s.bad(a, w, suggest(w.Text, words))
	}
}

// choice is for an attribute whose key takes the same words.
func choice(key string) func(*service, *attribute) {
	return func(s *service, a *attribute) {
		s.among(a)
		s.add(a, key, a.values...)
	}
}

// same is for an attribute whose key takes its values as they are.
func same(key string) func(*service, *attribute) {
	return func(s *service, a *attribute) {
		if len(a.values) > 0 {
			s.add(a, key, a.values...)
		}
	}
}

// vain is for an attribute without effect; why is the reason.
func vain(why string) func(*service, *attribute) {
	return func(s *service, a *attribute) {
		s.once(conf.Warning, a.name.Pos, a.name.Text+" has no effect: "+why, "")
	}
}

// logs is for an attribute that chooses what xinetd logs. It has no effect here; what
// says what is logged instead.
func logs(what string) func(*service, *attribute) {
	return func(s *service, a *attribute) {
		s.among(a)
		if s.has(a.row.name, "TRAFFIC") && s.get("redirect") == nil { // xinetd does not serve it
			s.errorf(a.name.Pos, "remove it", "TRAFFIC is for services with redirect")
		}
		s.once(conf.Hint, a.name.Pos, a.name.Text+" has no effect: "+what, "--log-connections logs starts and ends as well")
	}
}

// The facilities and levels of syslog(3) that xinetd knows.
var (
	facilities = []string{"daemon", "auth", "authpriv", "user", "mail", "lpr", "news", "uucp", "ftp", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}
	levels     = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
)

// putLogType only checks the attribute. xinetd does not serve a service with a mistake
// there, so nobody expects it to be open.
func (s *service) putLogType(a *attribute) {
	v := a.values
	switch kind := v[0].Text; {
	case kind != "SYSLOG" && kind != "FILE":
		s.bad(a, v[0], "expected SYSLOG or FILE")
	case kind == "SYSLOG" && (len(v) < 2 || len(v) > 3):
		s.bad(a, v[0], "expected SYSLOG FACILITY [LEVEL]")
	case kind == "SYSLOG":
		s.oneOf(a, v[1], facilities)
		if len(v) > 2 {
			s.oneOf(a, v[2], levels)
		}
	case len(v) < 2 || len(v) > 4:
		s.bad(a, v[0], "expected FILE PATH [LIMIT [LIMIT]]")
	default:
		s.logLimits(a, v[2:])
	}
	s.once(conf.Hint, a.name.Pos, a.name.Text+" has no effect: the log of all services is that of the daemon", "")
}

// logLimits checks the sizes of a log file: at the first xinetd warns, at the second it
// stops logging.
func (s *service) logLimits(a *attribute, limits []conf.Word) {
	least := uint64(0)
	for _, w := range limits {
		n, ok := size(w.Text)
		switch {
		case !ok:
			s.bad(a, w, "expected a number of bytes, with K or M behind it")
		case n < least:
			s.bad(a, w, "expected no less than the limit before it")
		}
		least = n
	}
}

// putProtocol only checks the protocol: socket adds it, with the version of IP.
func (s *service) putProtocol(a *attribute) {
	w := a.values[0]
	if base := strings.TrimRight(w.Text, "46"); base != w.Text && (base == "tcp" || base == "udp") {
		s.bad(a, w, fmt.Sprintf("write protocol = %s, and flags = IPv%s", base, w.Text[len(w.Text)-1:]))
	}
}

// number reads a decimal number up to a bound.
func number(text string, most uint64) (n uint64, ok bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil && n <= most
}

// size reads a number of bytes. K or M may follow it, for 1024 or 1024 * 1024 of them.
func size(text string) (n uint64, ok bool) {
	unit := uint64(1)
	switch end := len(text) - 1; {
	case end < 0:
	case text[end]|0x20 == 'k':
		unit, text = 1<<10, text[:end]
	case text[end]|0x20 == 'm':
		unit, text = 1<<20, text[:end]
	}
	n, ok = number(text, math.MaxInt64/unit)
	return n * unit, ok
}

// atOnce is for a number of servers at a time, or UNLIMITED. 0 lets nobody in, whereas
// for our keys it is no limit.
func atOnce(key string) func(*service, *attribute) {
	return func(s *service, a *attribute) {
		w := a.values[0]
		n, ok := number(w.Text, math.MaxInt32)
		switch {
		case w.Text == "UNLIMITED":
			s.add(a, key, word("0", w))
		case !ok:
			s.bad(a, w, "expected a number or UNLIMITED")
		case n == 0:
			s.nobody = true
			s.once(conf.Warning, a.name.Pos, a.name.Text+" = 0 lets no client in", "write UNLIMITED for no limit")
		case !s.waits():
			s.add(a, key, w)
			s.refuses = s.refuses || key == "accept_max"
		}
	}
}

func (s *service) putNice(a *attribute) {
	w := a.values[0]
	n, err := strconv.ParseInt(w.Text, 10, 32)
	if err != nil {
		s.bad(a, w, "expected a number from -20 to 19")
		return
	}
	most := min(max(n, -20), 19)
	if most != n { // the kernel does the same, and xinetd does not say so
		s.once(conf.Warning, w.Pos, fmt.Sprintf("nice = %d is taken as %d", n, most), "write a number from -20 to 19")
	}
	s.add(a, "nice", word(strconv.FormatInt(most, 10), w))
}

func (s *service) putUmask(a *attribute) {
	w := a.values[0]
	if n, err := strconv.ParseUint(w.Text, 8, 32); err != nil || n > 0o777 {
		s.bad(a, w, "expected octal digits up to 777")
		return
	}
	s.add(a, "umask", w)
}

// bound is for the bound of a resource: a number, which K or M may follow unless it is
// one of seconds, or UNLIMITED.
func bound(key string) func(*service, *attribute) {
	return func(s *service, a *attribute) {
		w := a.values[0]
		switch {
		case w.Text == "UNLIMITED" && key == "rlimit_nofile":
			s.once(conf.Hint, a.name.Pos, a.name.Text+" = UNLIMITED has no effect: the kernel has a bound of its own", "")
			return
		case w.Text == "UNLIMITED":
			s.add(a, key, word("unlimited", w))
			return
		}
		n, ok := size(w.Text)
		if key == "rlimit_cpu" {
			n, ok = number(w.Text, math.MaxInt64)
		}
		if !ok {
			s.bad(a, w, "expected a number, with K or M behind it for sizes, or UNLIMITED")
			return
		}
		s.add(a, key, word(strconv.FormatUint(n, 10), w))
	}
}

// putRedirect reads the host and the port of a redirection.
func (s *service) putRedirect(a *attribute) {
	host, port := a.values[0], a.values[1]
	n, ok := number(port.Text, math.MaxUint16)
	if !ok && s.Port != nil {
		listed, found := s.Port(port.Text, "tcp")
		n, ok = uint64(listed), found
	}
	switch {
	case !ok || n == 0:
		s.bad(a, port, "expected the number of a port, or its name in services(5)")
	case s.text("socket_type") != "stream" || s.waits():
		s.errorf(a.name.Pos, "write socket_type = stream and wait = no", "redirect is for stream services that do not wait")
	case s.has("flags", "NAMEINARGS"):
		s.errorf(a.name.Pos, "remove it", "redirect with NAMEINARGS")
	}
	target := fmt.Sprintf("%s:%d", host.Text, n)
	if addr, err := netip.ParseAddr(host.Text); err == nil && addr.Is6() {
		target = netip.AddrPortFrom(addr, uint16(n)).String()
	}
	s.add(a, "connect", word(target, host))
}

// putBanner adds the file of a text for clients.
func (s *service) putBanner(a *attribute) {
	if !strings.HasPrefix(a.values[0].Text, "/") {
		s.once(conf.Warning, a.name.Pos, a.name.Text+" has no effect: its path is not absolute", "")
		return
	}
	s.add(a, a.row.name, a.values...)
}

func (s *service) putDenyTime(a *attribute) {
	if s.denyTime(a) == "" {
		s.bad(a, a.values[0], "expected a number of minutes, FOREVER or NEVER")
	}
	if !s.senses() {
		s.once(conf.Hint, a.name.Pos, "deny_time has no effect without flags = SENSOR", "")
	}
}

// longTime is a hundred years in minutes.
const longTime = 100 * 365 * 24 * 60

// denyTime returns for how long a sensor remembers its clients, as the value of the key
// sensor; "" for a bad value. Without the attribute nobody is remembered.
func (s *service) denyTime(a *attribute) string {
	if a == nil {
		return "0"
	}
	w := a.values[0].Text
	n, ok := number(w, math.MaxInt32)
	switch {
	case w == "NEVER":
		return "0"
	case w == "FOREVER", n > longTime:
		return "forever"
	case ok:
		return strconv.FormatUint(n, 10) + "m"
	}
	return ""
}

// limits adds the rate of starts, and that clients beyond a maximum are refused. A
// service that exceeds its rate pauses until the second is over, not for as long as cps says.
func (s *service) limits() {
	if s.refuses && s.protocol() == "tcp" && !s.mux() {
		s.implied("full", "refuse")
	}
	a := s.get("cps")
	if a == nil {
		if !s.internal() {
			s.implied("service_max", "50/1s")
		}
		return
	}
	rate, ok := number(a.values[0].Text, math.MaxInt32)
	_, ok2 := number(a.values[1].Text, math.MaxInt32)
	switch {
	case !ok:
		s.bad(a, a.values[0], "expected a number of connections per second")
	case !ok2:
		s.bad(a, a.values[1], "expected a number of seconds")
	case rate == 0:
		s.add(a, "service_max", word("0", a.values[0]))
	default:
		s.add(a, "service_max", word(strconv.FormatUint(rate, 10)+"/1s", a.values[0]))
	}
}

// world adds the environment and the groups of the server.
func (s *service) world() {
	if s.internal() {
		return
	}
	if !s.waits() || s.protocol() == "udp" {
		s.implied("remote_host", "yes")
	}
	if a := s.get("passenv"); a != nil {
		s.add(a, "pass_env", s.variables(a)...)
	} else {
		s.implied("pass_env", "*")
	}
	if s.text("groups") != "yes" && s.Root {
		s.implied("groups", "no")
	}
}

// variables returns the values that may be names of variables. To xinetd "*" is a name,
// not a pattern.
func (s *service) variables(a *attribute) (list []conf.Word) {
	for _, w := range a.values {
		if w.Text == "*" || strings.Contains(w.Text, "=") {
			s.once(conf.Warning, w.Pos, fmt.Sprintf("%q in passenv ignored: no variable has that name", w.Text), "without passenv all are passed")
			continue
		}
		list = append(list, w)
	}
	return list
}

// Defaults returns a hint at what xinetd's own defaults mean here, with the place of the
// first service that they hold for. It is for a check of the configuration.
func (r *Reader) Defaults() (note conf.Problem, ok bool) {
	i := slices.IndexFunc(r.services, func(s *service) bool { return !s.broken && s.def.State == conf.On && !s.internal() })
	if i < 0 {
		return note, false
	}
	text, change := "as with xinetd, ", []string{"flags = NOLIBWRAP"}
	var have []string
	for _, d := range [][2]string{{"passenv", "all of the daemon's environment"}, {"groups", "groups = no"}, {"cps", "cps = 50 10"}} {
		if r.defaults.get(d[0]) == nil {
			have, change = slices.Insert(have, 0, d[1]), slices.Insert(change, 0, d[0])
		}
	}
	if len(have) > 0 {
		text += "services have " + joined(have, "and") + " unless they say otherwise, and "
	}
	return conf.Problem{Pos: r.services[i].name.Pos, Severity: conf.Hint,
		Text: text + "hosts.allow and hosts.deny are asked", Hint: joined(change, "or") + " changes that",
	}, true
}
