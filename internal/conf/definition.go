package conf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Word is one word of a configuration with its place.
type Word struct {
	Text   string
	Pos    Pos
	Plain  bool // the file has exactly this text, so byte i of it is i columns after Pos
	Quoted bool // it stands in quotes
}

// at returns the place of byte i of the word, or that of the word if it is not Plain.
func (w Word) at(i int) Pos {
	p := w.Pos
	if w.Plain {
		p.Col += i
	}
	return p
}

// State tells what a definition is for.
type State uint8

// The states. On defines an entry. An entry that is Off is checked but not served.
// With amends entries that are written elsewhere.
const (
	On State = iota
	Off
	With
)

var stateWords = [...]string{"on", "off", "with"}

// String returns the word after the service: "on", "off" or "with".
func (s State) String() string { return stateWords[s] }

// Option is one key of a definition with its values.
type Option struct {
	Key    Word
	Values []Word
	Means  string // what the file has in place of the key, if that is another word

	General bool // it was written for all entries
}

// Definition is an entry in the second syntax, read but not yet checked. Every front
// end but the classic line produces it, and every entry can be printed as one, so
// that there is one place for the checks of values.
type Definition struct {
	Service  Word
	State    State
	Options  []Option
	Comments []string // the lines above it, as they are printed

	// The problems that another front end has found in it. With a mistake the definition
	// is Broken: it makes no entry, and is printed as a comment.
	Problems []Problem
	Broken   bool
}

// index returns the index of a key among the options, or -1.
func (def *Definition) index(key string) int {
	return slices.IndexFunc(def.Options, func(o Option) bool { return o.Key.Text == key })
}

// values returns the values of a key, or nil.
func (def *Definition) values(key string) []Word {
	if i := def.index(key); i >= 0 {
		return def.Options[i].Values
	}
	return nil
}

// first returns the first value of a key, or a word without text and place.
func (def *Definition) first(key string) Word {
	if v := def.values(key); len(v) > 0 {
		return v[0]
	}
	return Word{}
}

// scanned is a definition that amends entries, as Gather has read it. It is not read
// again, for it may have 100,000 values.
type scanned struct {
	def      Definition
	end      cursor
	problems []Problem
}

// scan reads the definition at the cursor, or returns it as Gather has read it.
func (r *reader) scan() (def Definition, complete bool) {
	at, first := r.pos(r.cursor), len(r.out.Problems)
	if known, ok := r.out.scanned[at]; ok && !r.gathering {
		r.cursor = known.end
		r.out.Problems = append(r.out.Problems, known.problems...)
		return known.def, true
	}
	s := scanner{reader: r}
	def, complete = s.definition()
	if r.gathering && complete && def.State == With {
		r.out.scanned[at] = scanned{def, r.cursor, slices.Clone(r.out.Problems[first:])}
	}
	return def, complete
}

// definition reads one entry in the second syntax and leaves the cursor after its
// semicolon.
func (r *reader) definition() {
	first := len(r.out.Problems)
	start := r.cursor
	def, complete := r.scan()
	if !r.gathering {
		r.lookalikesSince(start)
	}
	switch {
	case r.gathering:
		r.gather(def, complete, r.text[start.off:r.off])
	case complete:
		r.compile(&def)
	}
	r.sortProblems(first)
}

// compile checks a definition and adds its entries. One that is switched off is
// only checked, unless remarks are kept.
func (r *reader) compile(def *Definition) {
	d := r.draft(def.Service.Pos)
	if i := strings.IndexFunc(def.Service.Text, control); i >= 0 {
		d.failed = true
		d.badByte(def.Service.at(i), def.Service.Text[i])
	}
	d.shape(def)
	switch {
	case def.State == With:
		d.amendment(def)
		return
	case !d.failed:
		d.define(def)
	}
	d.e.Off = def.State == Off
	d.failed = d.failed || d.e.Off && d.out.remarks == nil
	d.finish()
}

// shape checks the keys and the number of their values.
func (d *draft) shape(def *Definition) {
	for i := range def.Options {
		o := &def.Options[i]
		row, name := find(o.Key.Text), o.Key.Text
		if row != nil {
			o.Key.Text = row.name // else the key keeps the file's text in memory
		}
		switch n := len(o.Values); {
		case row == nil:
			d.errorf(o.Key.Pos, meant(name), "unknown key %q", name)
		case def.index(name) < i:
			d.errorf(o.Key.Pos, "write it once", "second %q", name)
		case n < row.least:
			d.errorf(o.Key.Pos, "expected "+name+" = value", "no value for %q", name)
		case n > row.most && row.most >= 0:
			d.errorf(o.Values[row.most].Pos, tooMany(name, o.Values), "%d values for %q", n, name)
		}
	}
}

// commaHint tells where a comma was probably forgotten.
func commaHint(values []Word) string {
	if comma := missingComma(values); comma != "" {
		return "is a comma missing " + comma + "?"
	}
	return "expected a comma or a semicolon"
}

// missingComma says where a comma was probably forgotten: before a value that is the
// next key. It returns "" if there is no such value.
func missingComma(values []Word) string {
	before := 0
	for i, v := range values {
		name, _, assigned := strings.Cut(v.Text, "=")
		assigned = assigned || i+1 < len(values) && strings.HasPrefix(values[i+1].Text, "=")
		switch {
		case !assigned || find(name) == nil:
			before = v.Pos.Line
		case before > 0 && before < v.Pos.Line:
			return fmt.Sprintf("at the end of line %d, before %q", before, name)
		default:
			return fmt.Sprintf("before %q", name)
		}
	}
	return ""
}

// define fills in the entry, the columns first.
func (d *draft) define(def *Definition) {
	exec := def.first("exec")
	relay := exec.Text == "" && def.index("connect") >= 0
	if exec.Text == "" {
		exec.Text = "internal"
	}
	d.socket(def)
	d.service(def.Service, listOf(def.values("bind")))
	d.portKey(def.first("port"))
	d.waitKey(def.first("wait"), exec.Text == "internal" || def.index("connect") >= 0)
	d.userKeys(def, exec.Text == "internal")
	switch args := def.values("args"); {
	case !relay:
		d.server(exec, args)
	case len(args) > 0:
		d.errorf(args[0].Pos, "write exec as well", "arguments without a server")
	case def.first("user").Text == "":
		d.e.User = relayUser
	}
	for i := range def.Options {
		d.option(&def.Options[i])
	}
}

// relayUser is the user of an entry that has no server and no key user: passing
// connections on takes no rights.
const relayUser = "nobody"

// listOf joins the addresses of the key "bind" as they are written before a service.
// Without addresses it returns a word without text.
func listOf(addresses []Word) Word {
	if len(addresses) == 0 {
		return Word{}
	}
	list := Word{Text: strings.Join(words(addresses), ",") + ":", Pos: addresses[0].Pos}
	list.Plain = addresses[0].Plain && len(addresses) == 1
	return list
}

// socket reads the type and the protocol. Either may be left out if the other
// leaves no choice.
func (d *draft) socket(def *Definition) {
	typ, protocol := def.first("socktype"), def.first("protocol")
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
}

// portKey reads the port of a service whose name is not to be looked up.
func (d *draft) portKey(w Word) {
	if w.Pos.Line == 0 && w.Text == "" {
		return
	}
	n, err := strconv.ParseUint(w.Text, 10, 16)
	switch {
	case err != nil || n == 0:
		d.errorf(w.Pos, "1 to 65535 are possible", "bad value %q for \"port\"", w.Text)
	case d.e.Kind != Inet:
		d.errorf(w.Pos, "remove it", "only a service with a port of its own has the key \"port\"")
	case isNumber(d.e.Service):
		d.errorf(w.Pos, "write a name before the key, or only the number", "two ports, %s and %s", d.e.Service, w.Text)
	}
	d.e.Port = uint16(n)
}

// waitKey reads "yes", "no" or "listen". A builtin, or an entry whose connections are
// passed on, needs none of them.
func (d *draft) waitKey(w Word, internal bool) {
	d.e.Cols[ColWait] = w.Pos
	switch {
	case w.Text == "yes":
		d.e.Wait = true
	case w.Text == "listen":
		d.e.Wait, d.e.Listen = true, true
	case w.Text == "no":
	case w.Pos.Line > 0:
		d.errorf(w.Pos, "expected yes, no or listen", "bad value %q for \"wait\"", w.Text)
	case !internal:
		d.errorf(d.e.Pos, "write wait = yes or wait = no", `the key "wait" is missing`)
	default:
		d.e.Wait = d.e.Type == Dgram
	}
}

// userKeys reads the user and the group. An entry without a server needs neither.
func (d *draft) userKeys(def *Definition, internal bool) {
	user := def.first("user")
	d.e.Cols[ColUser] = user.Pos
	if user.Text == "" && !internal {
		d.errorf(d.e.Pos, "write user = NAME", `the key "user" is missing`)
	}
	d.e.User, d.e.Group = user.Text, def.first("group").Text
	if d.e.User == "-" {
		d.e.User = ""
	}
}

// option reads a key into the entry, unless it is a column.
func (d *draft) option(o *Option) {
	row := find(o.Key.Text)
	if row.kind&column != 0 || len(o.Values) < row.least {
		return
	}
	if row.kind&nothing == 0 && d.e.Keys == nil {
		d.e.Keys = &Keys{}
	}
	d.key = row.name
	row.read(d, d.e.Keys, o.Values)
	if row.kind&nothing == 0 {
		d.e.Keys.set(*o)
	}
}
