package conf

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"inetd/internal/nearest"
)

// amendment is a definition with the state With.
type amendment struct {
	target
	at      Pos
	options []Option
	id      uint32 // the number of its first option among those of all amendments
	broken  bool   // it has a mistake, and is not applied
	closes  bool   // broken, and meant to keep clients out: its entries are not served
	used    bool   // it fits an entry
}

// target tells which entries an amendment is for.
type target struct {
	text  string   // as written
	hosts []string // of which the entry has at least one; nil: any
	name  string   // of the service, or "*"
	word  string   // the protocol, or ""
	mux   bool     // the name is one of tcpmux
}

// amendments are the amendments of all files.
type amendments struct {
	list   []amendment
	named  map[string][]int // their indices in list by the name of the service, in the order of the files
	ids    uint32           // how many options they have in all
	shared map[string]*Keys // Keys made of the same options, for entries without keys of their own
	found  []int            // the amendments that fit the entry in hand
	key    []byte           // the numbers of their options, the key of shared

	clients map[*Word][]Client // lists that have been read, by their first values
}

// gather notes a definition if it amends entries. Whether one with a mistake was meant
// to keep clients out is told by its text: its keys may not have been recognized.
func (r *reader) gather(def Definition, complete bool, text string) {
	if def.State != With {
		return
	}
	d := r.draft(def.Service.Pos)
	d.shape(&def)
	a := amendment{target: d.amendment(&def), at: def.Service.Pos, options: def.Options}
	for i := range a.options {
		a.options[i].General = a.name == "*"
	}
	a.broken = d.failed || !complete
	a.closes = a.broken && (slices.ContainsFunc(def.Options, keepsOut) || namesAccess(text))
	r.out.with.list = append(r.out.with.list, a)
}

// accessKeys are the keys that keep clients out.
var accessKeys = func() (names []string) {
	for i := range table {
		if table[i].kind&access != 0 {
			names = append(names, table[i].name)
		}
	}
	return names
}()

// keepsOut tells whether an option keeps clients out, or was probably meant to: its key
// is unknown, but near to such a key.
func keepsOut(o Option) bool {
	if row := find(o.Key.Text); row != nil {
		return row.kind&access != 0
	}
	return nearest.Name(o.Key.Text, slices.Values(accessKeys)) != ""
}

// namesAccess tells whether a text holds a key, or an attribute of xinetd, that keeps
// clients out.
func namesAccess(text string) bool {
	words := strings.FieldsFunc(text, func(c rune) bool { return c != '_' && (c < 'a' || c > 'z') })
	return slices.ContainsFunc(words, func(w string) bool {
		return w == "only_from" || w == "no_access" || slices.Contains(accessKeys, w)
	})
}

// amendment checks a definition that amends entries, and returns which entries.
func (d *draft) amendment(def *Definition) target {
	for i := range def.Options {
		o := &def.Options[i]
		switch row := find(o.Key.Text); {
		case row == nil:
		case row.kind&column != 0:
			d.errorf(o.Key.Pos, "write it in the entry itself", "%q cannot be amended", row.name)
		default:
			d.option(o)
		}
	}
	return d.target(def.Service)
}

// target reads "*", "name", "name/protocol", each with an address before it,
// "tcpmux/name", or the path of a unix service.
func (d *draft) target(w Word) target {
	t := target{text: strings.Clone(w.Text)}
	rest, mux := strings.CutPrefix(t.text, "tcpmux/")
	switch {
	case mux:
		t.name, t.mux = strings.TrimPrefix(rest, "+"), true
		return t
	case strings.HasPrefix(t.text, "/"), strings.HasPrefix(t.text, "@"):
		t.name = t.text
		return t
	}
	if colon := strings.LastIndexByte(rest, ':'); colon >= 0 {
		hosts, ok := d.addresses(w, rest[:colon])
		t.hosts, rest, d.failed = hosts, rest[colon+1:], d.failed || !ok
	}
	t.name, t.word, _ = strings.Cut(rest, "/")
	return t
}

// rank orders targets by how specific they are.
func (t *target) rank() (n int) {
	for i, special := range []bool{t.word != "", t.hosts != nil, t.name != "*"} {
		if special {
			n |= 1 << i
		}
	}
	return n
}

func (t *target) fits(e *Entry) bool {
	proto := e.Proto
	if e.Kind == RPC {
		proto = "rpc/" + proto
	}
	return (t.name == "*" || t.mux == (e.Kind == Mux)) &&
		(t.word == "" || t.word == e.Word || t.word == proto) &&
		(t.hosts == nil || slices.ContainsFunc(t.hosts, func(h string) bool { return slices.Contains(e.Hosts, h) }))
}

// add takes the amendments of one more file.
func (w *amendments) add(list []amendment) {
	if w.named == nil {
		w.named, w.shared, w.clients = map[string][]int{}, map[string]*Keys{}, map[*Word][]Client{}
	}
	for _, a := range list {
		a.id = w.ids
		w.ids += uint32(len(a.options))
		w.named[a.name] = append(w.named[a.name], len(w.list))
		w.list = append(w.list, a)
	}
}

// fitting returns the indices of the amendments for an entry: the most specific last,
// and those of one rank in the order of the files.
func (w *amendments) fitting(e *Entry) []int {
	w.found = w.found[:0]
	for _, name := range [...]string{"*", e.Service} {
		for _, i := range w.named[name] {
			if w.list[i].fits(e) {
				w.list[i].used = true
				w.found = append(w.found, i)
			}
		}
	}
	slices.SortStableFunc(w.found, func(a, b int) int { return cmp.Compare(w.list[a].rank(), w.list[b].rank()) })
	return w.found
}

// amend puts the keys of the amendments that fit the entry into it. Those for
// every name leave alone what the entry itself says; those that name the entry
// replace it, since whoever wrote them knew which entry they are for.
func (d *draft) amend() {
	w := &d.out.with
	var options []*Option
	w.key = w.key[:0]
	for _, i := range w.fitting(&d.e) {
		a := &w.list[i]
		switch {
		case a.closes:
			d.errorf(d.e.Pos, "mend them", "not served: the access rules for it at %s have a mistake", a.at)
			return
		case a.broken:
			continue
		}
		for n := range a.options {
			if o := &a.options[n]; a.name != "*" || !d.e.says(o.Key.Text) {
				options = append(options, o)
				w.key = binary.AppendUvarint(w.key, uint64(a.id)+uint64(n))
			}
		}
	}
	if len(options) > 0 {
		d.apply(options)
		d.spare()
	}
}

// spare takes back values that mean nothing for the entry: whoever amends many entries
// need not know for which of them each key is. When the entry is printed as a definition
// of its own, it must not hold what would be a mistake there.
func (d *draft) spare() {
	d.e.Defer = d.e.Defer && defers(d.e.Proto)
	if d.e.Wait && d.e.Limits.Max > 1 {
		d.e.Limits.Max = Unset
	}
}

// says tells whether the entry itself sets a key, or the column that stands for it.
func (e *Entry) says(key string) bool {
	switch key {
	case "sndbuf":
		return e.SndBuf != 0
	case "recvbuf":
		return e.RcvBuf != 0
	case "acceptfilter":
		return e.Defer
	case "service_max":
		return e.Limits.Starts != Unset
	case "accept_max":
		return e.Limits.Max != Unset
	case "ip_max":
		return e.Limits.PerMinute != Unset
	case "source_max":
		return e.Limits.PerSource != Unset
	}
	return e.Keys.Has(key)
}

// apply reads the options of amendments into the entry. Their problems have been
// reported where they stand, and are not reported again for each entry.
func (d *draft) apply(options []*Option) {
	w := &d.out.with
	said, own := len(d.out.Problems), d.e.Keys
	if own != nil { // the entries of its other transports have the same ones
		own = &Keys{}
		*own = *d.e.Keys
	}
	shared := w.shared[string(w.key)]
	d.e.Keys = own
	for _, o := range options {
		if own != nil || shared == nil || find(o.Key.Text).kind&(limit|nothing) != 0 {
			d.option(o)
		}
	}
	d.out.Problems = d.out.Problems[:said]
	switch {
	case own != nil:
	case shared == nil:
		w.shared[string(w.key)] = d.e.Keys
	default:
		d.e.Keys = shared
	}
}

// Unused warns of definitions that amend no entry, and of those that amend the
// same key of the same entries.
func (p *Parser) Unused() {
	places := map[string]Pos{}
	for i := range p.with.list {
		a := &p.with.list[i]
		if !a.used && !a.broken {
			p.warn(a.at, fmt.Sprintf("no entry is amended by %q", a.text), "expected NAME, NAME/PROTOCOL, ADDRESS:NAME, a path or * of entries that are on")
		}
		for _, o := range a.options {
			key := a.text + "\x00" + o.Key.Text
			if at, twice := places[key]; twice && !a.broken {
				p.warn(o.Key.Pos, fmt.Sprintf("%s for %q replaces that of %s", o.Key.Text, a.text, at), "write it once")
			}
			places[key] = o.Key.Pos
		}
	}
}

// warn puts a warning in its place among the problems of its file.
func (p *Parser) warn(at Pos, text, hint string) {
	i := slices.IndexFunc(p.Problems, func(q Problem) bool { return q.Pos.File == at.File && before(at, q.Pos) })
	if i < 0 {
		i = len(p.Problems)
	}
	p.Problems = slices.Insert(p.Problems, i, Problem{Pos: at, Severity: Warning, Text: text, Hint: hint})
}

// before tells whether a comes before b, both in one file.
func before(a, b Pos) bool { return a.Line < b.Line || a.Line == b.Line && a.Col < b.Col }
