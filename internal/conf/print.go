package conf

import (
	"fmt"
	"strconv"
	"strings"
)

// Define returns the definition of an entry. Reading it gives the same entry, except
// that Dotted is lost: whether user.group is one user must be settled before.
func Define(e *Entry) Definition {
	def := Definition{Service: Word{Text: service(e)}, Comments: e.Comments}
	if e.Off {
		def.State = Off
	}
	def.add("protocol", e.Word)
	if _, types, ok := inetTransport(strings.TrimPrefix(e.Word, "rpc/")); !ok || types[0] != e.Type {
		def.add("socktype", e.Type.String())
	}
	def.add("wait", waitValue(e))
	switch {
	case e.User != "":
		def.add("user", e.User)
	case !e.Internal:
		def.add("user", "-")
	}
	if e.Group != "" {
		def.add("group", e.Group)
	}
	switch {
	case e.Internal:
		def.add("exec", "internal")
	case !e.Relay():
		def.add("exec", e.Server)
	}
	if len(e.Argv) > 0 {
		def.add("args", e.Argv...)
	}
	if e.Hosts != nil {
		def.add("bind", e.Hosts...)
	}
	if e.Port != 0 {
		def.add("port", strconv.Itoa(int(e.Port)))
	}
	if e.IPsec != "" {
		def.add("ipsec", e.IPsec)
	}
	e.printLimits(def.add)
	if e.Keys != nil {
		for _, o := range e.Keys.Options {
			if find(o.Key.Text).kind&limit == 0 {
				def.Options = append(def.Options, o)
			}
		}
	}
	return def
}

// add adds an option.
func (d *Definition) add(key string, values ...string) {
	o := Option{Key: Word{Text: key}}
	for _, v := range values {
		o.Values = append(o.Values, Word{Text: v})
	}
	d.Options = append(d.Options, o)
}

// service returns the service of an entry as it is written in a definition.
func service(e *Entry) string {
	switch {
	case e.Kind == Mux && e.Plus:
		return "tcpmux/+" + e.Service
	case e.Kind == Mux:
		return "tcpmux/" + e.Service
	case e.Kind == RPC && e.Low == e.High:
		return fmt.Sprintf("%s/%d", e.Service, e.Low)
	case e.Kind == RPC:
		return fmt.Sprintf("%s/%d-%d", e.Service, e.Low, e.High)
	case e.Owner.Set:
		return fmt.Sprintf(":%s:%s:%o:%s", e.Owner.User, e.Owner.Group, e.Owner.Mode, e.Service)
	}
	return e.Service
}

func waitValue(e *Entry) string {
	switch {
	case e.Listen:
		return "listen"
	case e.Wait:
		return "yes"
	}
	return "no"
}

// printLimits adds the keys for values that classic columns can hold as well.
func (e *Entry) printLimits(add func(string, ...string)) {
	number := func(key string, n, unset int) {
		if n != unset {
			add(key, strconv.Itoa(n))
		}
	}
	number("sndbuf", e.SndBuf, 0)
	number("recvbuf", e.RcvBuf, 0)
	if e.Defer {
		add("acceptfilter", "dataready")
	}
	l := e.Limits
	if l.Window != 0 {
		add("service_max", fmt.Sprintf("%d/%s", l.Starts, l.Window))
	} else {
		number("service_max", l.Starts, Unset)
	}
	number("accept_max", l.Max, Unset)
	if l.SourceWindow != 0 {
		add("ip_max", fmt.Sprintf("%d/%s", l.PerMinute, l.SourceWindow))
	} else {
		number("ip_max", l.PerMinute, Unset)
	}
	number("source_max", l.PerSource, Unset)
}

// String returns the text of the definition in the second syntax.
func (def Definition) String() string {
	var b strings.Builder
	for _, line := range def.Comments {
		b.WriteString(line + "\n")
	}
	b.WriteString(quoteService(def.Service.Text) + " " + def.State.String())
	for i, o := range def.Options {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n\t" + o.String())
	}
	b.WriteString(";\n")
	return b.String()
}

// String returns the option as it stands in a definition: "key = value value".
func (o Option) String() string {
	var b strings.Builder // there may be very many values
	size := len(o.Key.Text) + len(" =")
	for i := range o.Values {
		size += len(" ") + len(o.Values[i].Text)
	}
	b.Grow(size)
	b.WriteString(o.Key.Text + " =")
	for i := range o.Values {
		b.WriteByte(' ')
		b.WriteString(quoteValue(o.Values[i].Text))
	}
	return b.String()
}

// String returns the keys that are in force as the options of a definition.
// Equal Keys have equal texts, wherever they were written.
func (k *Keys) String() string {
	if k == nil {
		return ""
	}
	list := make([]string, len(k.Options))
	for i, o := range k.Options {
		list[i] = o.String()
	}
	return strings.Join(list, ", ")
}

// quoteService quotes a service that would not be read as one word. Only a
// quote at its beginning matters.
func quoteService(s string) string {
	if s == "" || strings.ContainsAny(s, " \t") || strings.ContainsRune("\"'#", rune(s[0])) || s[0] >= 0x80 {
		return quote(s)
	}
	return s
}

func quoteValue(s string) string {
	if s == "" || plainRun(s) < len(s) {
		return quote(s)
	}
	return s
}

// quote writes s with quotes and escape sequences.
func quote(s string) string {
	b := []byte{'"'}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case control(rune(c)):
			b = fmt.Appendf(b, `\x%02x`, c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}
