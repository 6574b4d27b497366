package access

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/nearest"
)

// Option is one of the options of hosts_options(5) in a rule. The options allow and
// deny are not among them: Verdict.Allow has their effect.
//
//	aclexec    Value is a shell command; unless it exits 0 the peer is refused
//	banners    Value is a directory; the peer gets the file Query.Daemon in it
//	group      Value is a group
//	keepalive  turns on SO_KEEPALIVE
//	linger     Number is the SO_LINGER time in seconds
//	nice       Number is added to the nice value
//	rfc931     Number is the time-out of an ident lookup in seconds, 0 if none is given
//	setenv     Value is NAME=value
//	severity   Number is a syslog priority: facility, 0 if none is given, plus level
//	spawn      Value is a shell command, to run beside the server, on /dev/null
//	twist      Value is a shell command, to run in place of the server, and also
//	           for a peer that is not let in
//	umask      Number is the mask
//	user       Value is user or user.group
//
// Values of aclexec, setenv, spawn and twist, and the text of banners, are not yet
// passed to Expand.
type Option struct {
	Name   string
	Value  string
	Number int
}

// grammar is how an option is written.
type grammar struct {
	value  valueRule
	last   bool // no option may follow
	number func(string) (int, bool)
	expect string // what number wants
}

type valueRule int

const (
	noValue valueRule = iota
	mayHaveValue
	needsValue
)

var grammars = map[string]grammar{
	"aclexec":   {value: needsValue},
	"allow":     {last: true},
	"banners":   {value: needsValue},
	"deny":      {last: true},
	"group":     {value: needsValue},
	"keepalive": {},
	"linger":    {value: needsValue, number: seconds, expect: "seconds"},
	"nice":      {value: mayHaveValue, number: integer, expect: "a number"},
	"rfc931":    {value: mayHaveValue, number: timeout, expect: "seconds, at least 1"},
	"setenv":    {value: needsValue},
	"severity":  {value: needsValue, number: priority, expect: "level or facility.level, such as mail.info"},
	"spawn":     {value: needsValue},
	"twist":     {value: needsValue, last: true},
	"umask":     {value: needsValue, number: mask, expect: "an octal number up to 777"},
	"user":      {value: needsValue},
}

// options parses the fields of u after the clients. At a fault it stops, and u refuses
// its peers.
func (r *reporter) options(u *rule, field token) {
	if cmd := field.trim(); strings.HasPrefix(cmd.text, "/") || strings.HasPrefix(cmd.text, "(") {
		u.options = []Option{{Name: "spawn", Value: cmd.text}}
		r.report(cmd.offset, "shell command without spawn", "spawn "+cmd.text)
		return
	}
	fields := splitOptions(field)
	for i, f := range fields {
		o, bad := parseOption(f.text, i == len(fields)-1)
		if bad.text != "" {
			u.grants, u.refusal = false, bad.text
			r.fault(f.trim().offset, fault{bad.text + ": this rule refuses whom it matches", bad.hint})
			return
		}
		switch o.Name {
		case "allow", "deny":
			u.grants = o.Name == "allow"
		default:
			u.options = append(u.options, o)
		}
	}
}

// splitOptions splits field at its colons. A colon in a value has a backslash before
// it, which is removed.
func splitOptions(field token) []token {
	var all []token
	text, start := []byte(nil), 0
	for i, c := range []byte(field.text) {
		switch {
		case c == '\\' && strings.HasPrefix(field.text[i+1:], ":"):
		case c == ':' && (i == 0 || field.text[i-1] != '\\'):
			all = append(all, token{string(text), field.offset + start})
			text, start = nil, i+1
		default:
			text = append(text, c)
		}
	}
	return append(all, token{string(text), field.offset + start})
}

// parseOption parses "name value" or "name = value".
func parseOption(s string, isLast bool) (Option, fault) {
	s = strings.TrimSpace(s)
	end := len(s)
	if i := strings.IndexAny(s, "= \t\r\n"); i >= 0 {
		end = i
	}
	o := Option{Name: strings.ToLower(s[:end])}
	o.Value = strings.TrimLeft(s[end:], " \t\r\n")
	o.Value = strings.TrimLeft(strings.TrimPrefix(o.Value, "="), " \t\r\n")
	g, ok := grammars[o.Name]
	switch {
	case o.Name == "":
		return o, fault{"empty option", "an option, or no colon"}
	case !ok:
		return o, unknownOption(o.Name)
	case o.Value == "" && g.value == needsValue:
		return o, fault{fmt.Sprintf("option %s without a value", o.Name), o.Name + " value"}
	case o.Value != "" && g.value == noValue:
		return o, fault{fmt.Sprintf("option %s with a value %q", o.Name, o.Value), o.Name + " alone"}
	case g.last && !isLast:
		return o, fault{fmt.Sprintf("option %s is not the last one", o.Name), "no option after " + o.Name}
	}
	return o.evaluate(g)
}

// evaluate gives o its number, or its value the form that Option promises.
func (o Option) evaluate(g grammar) (Option, fault) {
	switch {
	case o.Name == "nice" && o.Value == "":
		o.Number = 10
	case g.number != nil && o.Value != "":
		n, ok := g.number(o.Value)
		if !ok {
			return o, fault{fmt.Sprintf("bad %s %q", o.Name, o.Value), g.expect}
		}
		o.Number = n
	case o.Name == "setenv":
		name, value := o.Value, ""
		if i := strings.IndexAny(o.Value, " \t\r\n"); i >= 0 {
			name, value = o.Value[:i], strings.TrimSpace(o.Value[i:])
		}
		if strings.Contains(name, "=") {
			return o, fault{fmt.Sprintf("bad name %q", name), "setenv NAME value"}
		}
		o.Value = name + "=" + value
	}
	return o, fault{}
}

func unknownOption(name string) fault {
	known := slices.Values(slices.Sorted(maps.Keys(grammars)))
	hint := "an option of hosts_options(5)"
	if guess := nearest.Name(name, known); guess != "" {
		hint = "did you mean " + guess + "?"
	}
	return fault{fmt.Sprintf("unknown option %q", name), hint}
}

func integer(s string) (int, bool) {
	n, err := strconv.ParseInt(s, 10, 32)
	return int(n), err == nil
}

func seconds(s string) (int, bool) {
	n, ok := integer(s)
	return n, ok && n >= 0
}

func timeout(s string) (int, bool) {
	n, ok := integer(s)
	return n, ok && n > 0
}

func mask(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 8, 32)
	return int(n), err == nil && n <= 0o777
}

// The facilities and levels that tcp_wrappers knows, in the order of syslog(3).
var (
	facilities = []string{"kern", "user", "mail", "daemon", "auth", "", "lpr", "news", "uucp", "cron", "", "", "", "", "", "",
		"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"}
	levels = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
)

func priority(s string) (int, bool) {
	facility, level, two := strings.Cut(strings.ToLower(s), ".")
	if !two {
		facility, level = "kern", facility // number 0: the log keeps its own
	}
	f, l := slices.Index(facilities, facility), slices.Index(levels, level)
	return f<<3 | l, f >= 0 && l >= 0 && facility != ""
}
