package xinetd

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/nearest"
)

// attribute is an attribute that has been set, with its values after all assignments.
type attribute struct {
	row    *row
	name   conf.Word // as in its last assignment
	values []conf.Word
	own    bool // it was written for the service, and not only in defaults
}

// settings are attributes in the order of their first assignments.
type settings []attribute

func (s settings) find(r *row) *attribute {
	i := slices.IndexFunc(s, func(a attribute) bool { return a.row == r })
	if i < 0 {
		return nil
	}
	return &s[i]
}

// get returns an attribute by its name, or nil.
func (s settings) get(name string) *attribute { return s.find(attributes[name]) }

// values returns the values of an attribute, or nil.
func (s settings) values(name string) []conf.Word {
	if a := s.get(name); a != nil {
		return a.values
	}
	return nil
}

// text returns the first value of an attribute, or "".
func (s settings) text(name string) string {
	if v := s.values(name); len(v) > 0 {
		return v[0].Text
	}
	return ""
}

// has reports whether a word is one of the values of an attribute, whatever its case.
func (s settings) has(name, word string) bool {
	return slices.ContainsFunc(s.values(name), func(w conf.Word) bool { return alike(w.Text, word) })
}

// block reads the block that a head begins.
func (r *Reader) block(l *lines, head line) {
	s := &service{Reader: r, root: r.open[0], head: head.words[0], name: head.words[min(len(head.words)-1, 1)]}
	s.def.Comments = l.above
	said := len(r.Problems)
	s.begin()
	if !r.begins(l, head, s) {
		return
	}
	s.body(l)
	s.last = l.num
	switch {
	case s.isDefaults():
		s.keep()
		return
	case s.off() && !s.unended: // xinetd does not look at it
		r.Idle(r.Problems[said:]...)
		r.Problems = r.Problems[:said]
	}
	r.services = append(r.services, s)
}

// begins reads the brace that opens a block, and returns false if there is none.
func (r *Reader) begins(l *lines, head line, s *service) bool {
	w, inline := head.words, last(head.words) == "{"
	if inline {
		r.report(conf.Warning, w[len(w)-1].Pos, `xinetd wants "{" in a line of its own`, "write it into the next line")
		w = w[:len(w)-1]
	}
	named := 2
	if s.isDefaults() {
		named = 1
	}
	switch {
	case len(w) < named:
		r.report(conf.Error, w[0].Pos, "no name after service", "expected service NAME")
		s.broken = true
	case len(w) > named:
		r.report(conf.Warning, w[named].Pos, fmt.Sprintf("%q after %q ignored", join(w[named:]), join(w[:named])), "a comment needs a line of its own")
	}
	switch {
	case inline:
		return true
	case !l.opens():
		r.report(conf.Error, w[0].Pos, fmt.Sprintf(`no "{" after %q`, join(w)), `write "{" into the next line`)
		return false
	}
	brace, _ := l.next()
	if len(brace.words) > 1 || brace.words[0].Text != "{" {
		r.report(conf.Error, brace.words[0].Pos, `something follows "{" in its line`, "write it into the next line")
		s.broken = true
	}
	return true
}

// body reads the attributes of a block, up to its closing brace. A line that is surely
// the head of another block ends it too, so that only the unclosed block suffers.
func (s *service) body(l *lines) {
	for {
		line, ok := l.next()
		switch w := line.words; {
		case !ok:
			s.end(conf.Pos{File: l.file, Line: max(l.num, 1)})
			return
		case isHead(w) && (last(w) == "{" || l.opens()):
			l.back()
			s.end(w[0].Pos)
			return
		case w[0].Text == "}":
			if len(w) > 1 {
				s.errorf(w[1].Pos, "a comment needs a line of its own", `%q after "}"`, w[1].Text)
			}
			return
		case s.readable(line):
			s.attribute(w)
		}
	}
}

// end reports a block that is not closed.
func (s *service) end(at conf.Pos) {
	s.unended = true
	s.errorf(at, fmt.Sprintf("%s begins in line %d", s.head.Text, s.head.Pos.Line), `no "}" before this`)
}

// readable returns false, and reports it, if a line has bytes that no text has.
func (s *service) readable(l line) bool {
	for i := range len(l.text) {
		if c := l.text[i]; c < ' ' && c != '\t' || c == 0x7f {
			at := l.words[0].Pos
			at.Col = i + 1
			s.errorf(at, "is this a text file?", "control character %q", c)
			return false
		}
	}
	return true
}

// attribute reads "name = value ...", "name += value ..." or "name -= value ...".
// Only the operator and the first value may stand together.
func (s *service) attribute(w []conf.Word) {
	name := w[0]
	if before, after, glued := strings.Cut(name.Text, "="); glued && before != "" {
		bare := own(strings.TrimRight(before, "+-"))
		s.wrong(attributes[bare], name.Pos, "write "+bare+" "+before[len(bare):]+"= "+after, "no blank after %q", bare)
		return
	}
	op, rest := "", ""
	if len(w) > 1 {
		op, rest = operator(w[1].Text)
	}
	if op == "" {
		s.wrong(attributes[name.Text], name.Pos, "expected "+name.Text+" = value", "no operator after %q", name.Text)
		return
	}
	values := w[2:]
	if rest != "" {
		at := w[1].Pos
		at.Col += len(op)
		values = append([]conf.Word{{Text: rest, Pos: at, Plain: true}}, values...)
	}
	s.set(name, op, values)
}

// operator cuts an assignment operator off a word.
func operator(word string) (op, rest string) {
	for _, op := range []string{"+=", "-=", "="} {
		if rest, ok := strings.CutPrefix(word, op); ok {
			return op, rest
		}
	}
	return "", word
}

// set assigns values to an attribute. As in xinetd, the assignment is ignored if the
// attribute is unknown, is already set, or cannot have the operator or that many values.
func (s *service) set(name conf.Word, op string, values []conf.Word) {
	in, where := inService, "a service"
	if s.isDefaults() {
		in, where = inDefaults, "defaults"
	}
	row := attributes[name.Text]
	a := s.find(row)
	ignored := func(at conf.Pos, hint, format string, args ...any) {
		s.report(conf.Warning, at, fmt.Sprintf(format, args...)+", ignored", hint)
	}
	switch n := len(values); {
	case row == nil && closesFor(name.Text) != nil:
		s.wrong(closesFor(name.Text), name.Pos, suggest(name.Text, names(in)), "unknown attribute %q", name.Text)
	case row == nil:
		ignored(name.Pos, suggest(name.Text, names(in)), "unknown attribute %q", name.Text)
	case row.in&in == 0:
		ignored(name.Pos, "write it "+row.in.where(), "%q cannot stand in %s", name.Text, where)
	case !row.list && op != "=":
		ignored(name.Pos, "write =", "%s cannot be used for %q", op, name.Text)
	case !row.list && a != nil && a.own:
		ignored(name.Pos, fmt.Sprintf("line %d counts", a.name.Pos.Line), "second %q", name.Text)
	case row.values > 0 && n != row.values:
		ignored(name.Pos, fmt.Sprintf("expected %s", count(row.values)), "%s for %q", count(n), name.Text)
	case row.values == some && n == 0:
		s.wrong(row, name.Pos, "expected a value", "no value for %q", name.Text)
	case op == "-=" && name.Text == "env":
		s.wrong(row, name.Pos, "write the others with =", "-= cannot be used for %q", name.Text)
	default:
		s.assign(row, name, op, values)
	}
}

// closesFor returns the attribute that a word was probably meant to be, if the attribute
// keeps clients out: without it the service would be open to them. Otherwise it is nil.
func closesFor(word string) *row {
	row := attributes[nearest.Name(lower(word), maps.Keys(attributes))]
	if row == nil || !row.access {
		return nil
	}
	return row
}

func count(n int) string {
	if n == 1 {
		return "1 value"
	}
	return strconv.Itoa(n) + " values"
}

// assign carries out an assignment that set has checked.
func (s *service) assign(row *row, name conf.Word, op string, values []conf.Word) {
	switch {
	case row.each != nil:
		values = s.expand(row, values)
	case row.of != nil:
		values = row.spelled(values)
	}
	a := s.find(row)
	if a == nil {
		s.settings = append(s.settings, attribute{row: row})
		a = &s.settings[len(s.settings)-1]
	}
	a.name, a.own = name, true
	if op == "-=" && row.in == inDefaults {
		op = "+="
		s.report(conf.Warning, name.Pos, fmt.Sprintf("-= adds to %q, as in xinetd", name.Text), "leave the services out of the list")
	}
	switch {
	case op == "-=":
		a.values = slices.DeleteFunc(slices.Clone(a.values), func(old conf.Word) bool {
			return slices.ContainsFunc(values, func(w conf.Word) bool { return w.Text == old.Text })
		})
	case op == "+=" || s.isDefaults() && row.list:
		a.values = append(slices.Clip(a.values), values...)
	default:
		a.values = values
	}
}

// spelled returns values with the words of the attribute as the table spells them:
// their case does not matter.
func (r *row) spelled(values []conf.Word) []conf.Word {
	list := slices.Clone(values)
	for i, w := range list {
		if n := slices.IndexFunc(r.of, func(word string) bool { return alike(word, w.Text) }); n >= 0 {
			list[i].Text = r.of[n]
		}
	}
	return list
}

// expand replaces each value of a list by what it means.
func (s *service) expand(row *row, values []conf.Word) (list []conf.Word) {
	for _, w := range values {
		means, why, hint := row.each(s.Reader, w.Text)
		if why != "" {
			s.wrong(row, w.Pos, hint, "%s", why)
		}
		for _, text := range means {
			list = append(list, conf.Word{Text: text, Pos: w.Pos, Plain: text == w.Text})
		}
	}
	return list
}

// wrong reports a mistake in an assignment. One in defaults closes all services that
// would use the attribute.
func (s *service) wrong(row *row, at conf.Pos, hint, format string, args ...any) {
	if s.isDefaults() && row != nil {
		s.Reader.broken[row] = at
	}
	s.errorf(at, hint, format, args...)
}

// errorf reports why the service will not be served.
func (s *service) errorf(at conf.Pos, hint, format string, args ...any) {
	s.broken = true
	s.report(conf.Error, at, fmt.Sprintf(format, args...), hint)
}
