package conf

import (
	"fmt"
	"strings"
)

// keys are what a definition can say, with the least and the most values that
// each takes; -1 is any number.
var keys = map[string]struct{ least, most int }{
	"bind":         {1, 1},
	"socktype":     {1, 1},
	"acceptfilter": {1, 2},
	"protocol":     {1, 1},
	"sndbuf":       {1, 1},
	"recvbuf":      {1, 1},
	"wait":         {1, 1},
	"service_max":  {1, 1},
	"user":         {1, 1},
	"group":        {1, 1},
	"exec":         {1, 1},
	"args":         {1, -1},
	"ip_max":       {1, 1},
	"accept_max":   {1, 1},
	"ipsec":        {0, 1},
}

// keyNames are the keys in the order they are offered.
var keyNames = []string{
	"protocol", "wait", "user", "exec", "args", "bind", "socktype", "acceptfilter", "sndbuf",
	"recvbuf", "service_max", "group", "ip_max", "accept_max", "ipsec",
}

// values are the values of each key of a definition.
type values map[string][]Word

// first returns the first value of a key, or a field without text and place.
func (v values) first(key string) Word {
	if f := v[key]; len(f) > 0 {
		return f[0]
	}
	return Word{}
}

// definition reads one entry in NetBSD's second syntax and leaves the cursor
// behind its semicolon. An entry that is switched off is only checked.
func (r *reader) definition() {
	first := len(r.problems)
	s := scanner{reader: r}
	service, on := s.word(), s.word().Text == "on"
	if list, ok := s.options(); ok {
		d := r.draft(service.Pos)
		v := d.values(list)
		if i := strings.IndexFunc(service.Text, control); i >= 0 {
			d.failed = true
			d.badByte(service.at(i), service.Text[i])
		}
		if !d.failed {
			d.define(service, v)
		}
		d.failed = d.failed || !on
		d.finish()
	}
	r.sortProblems(first)
}

// values checks the keys and the number of their values.
func (d *draft) values(list []option) values {
	v := make(values, len(list))
	for _, o := range list {
		name := o.key.Text
		count, known := keys[name]
		_, twice := v[name]
		switch n := len(o.values); {
		case !known:
			d.errorf(o.key.Pos, suggest(name, keyNames), "unknown key %q", name)
		case twice:
			d.errorf(o.key.Pos, "write it once", "second %q", name)
		case n < count.least:
			d.errorf(o.key.Pos, "expected "+name+" = value", "no value for %q", name)
		case n > count.most && count.most >= 0:
			d.errorf(o.values[count.most].Pos, commaHint(o.values), "%d values for %q", n, name)
		}
		v[name] = o.values
	}
	return v
}

// commaHint tells where a comma was probably forgotten: before a value that is
// the next key.
func commaHint(f []Word) string {
	for i, v := range f {
		name, _, assigned := strings.Cut(v.Text, "=")
		if assigned && name == "" && i > 0 {
			name = f[i-1].Text
		}
		if _, known := keys[name]; known && assigned {
			return fmt.Sprintf("is a comma missing before %q?", name)
		}
	}
	return "expected a comma or a semicolon"
}

// define fills in the entry.
func (d *draft) define(service Word, v values) {
	exec := v.first("exec")
	if exec.Text == "" {
		exec.Text = "internal"
	}
	d.socket(v)
	host := v.first("bind")
	if v["bind"] != nil {
		host.Text += ":"
	}
	d.service(service, host)
	d.waitKey(v.first("wait"), exec.Text == "internal")
	d.userKeys(v, exec.Text == "internal")
	d.server(exec, v["args"])
	d.limitKeys(v)
	if f := v.first("ipsec"); f.Text != "" {
		d.report(Warning, f.Pos, "IPsec policy ignored: the traffic of the service is not protected by it", "")
	}
}

// socket reads the type and the protocol. Either may be left out if the other
// leaves no choice.
func (d *draft) socket(v values) {
	typ, protocol := v.first("socktype"), v.first("protocol")
	if protocol.Text == "" {
		protocol.Text = map[string]string{"stream": "tcp", "dgram": "udp"}[typ.Text]
	}
	if _, types, ok := inetTransport(strings.TrimPrefix(protocol.Text, "rpc/")); ok && typ.Text == "" {
		typ.Text = types[0].String()
	}
	if protocol.Text == "" || typ.Text == "" {
		d.errorf(d.e.Pos, "write protocol = tcp or udp, or socktype as well", "socket type or protocol missing")
		return
	}
	d.sockType(typ)
	d.protocol(protocol)
	if f := v.first("acceptfilter"); f.Text != "" {
		d.acceptFilter(f, 0, f.Text)
	}
	if f := v.first("sndbuf"); f.Text != "" {
		d.e.SndBuf = d.size(f, 0, f.Text)
	}
	if f := v.first("recvbuf"); f.Text != "" {
		d.e.RcvBuf = d.size(f, 0, f.Text)
	}
}

// waitKey reads "yes", "no" or "listen". A builtin needs none of them.
func (d *draft) waitKey(f Word, internal bool) {
	d.e.Cols[ColWait] = f.Pos
	switch {
	case f.Text == "yes":
		d.e.Wait = true
	case f.Text == "listen":
		d.e.Wait, d.e.Listen = true, true
	case f.Text == "no":
	case f.Pos.Line > 0:
		d.errorf(f.Pos, "expected yes or no", "bad value %q for \"wait\"", f.Text)
	case !internal:
		d.errorf(d.e.Pos, "write wait = yes or wait = no", `the key "wait" is missing`)
	default:
		d.e.Wait = d.e.Type == Dgram
	}
}

// userKeys reads the user and the group. A builtin runs as the daemon.
func (d *draft) userKeys(v values, internal bool) {
	user := v.first("user")
	d.e.Cols[ColUser] = user.Pos
	if user.Text == "" && !internal {
		d.errorf(d.e.Pos, "write user = NAME", `the key "user" is missing`)
	}
	d.e.User, d.e.Group = user.Text, v.first("group").Text
	if d.e.User == "-" {
		d.e.User = ""
	}
}

func (d *draft) limitKeys(v values) {
	l := &d.e.Limits
	d.limitKey(v.first("service_max"), &l.Starts)
	d.limitKey(v.first("accept_max"), &l.Max)
	d.limitKey(v.first("ip_max"), &l.PerMinute)
}

func (d *draft) limitKey(f Word, target *int) {
	if f.Pos.Line > 0 {
		*target = d.number(f, 0, f.Text)
	}
}
