package access

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Tables are the rules of hosts.allow and hosts.deny. They do not change, and
// may be used by several goroutines.
type Tables struct {
	// ReadFile returns the text of a file of patterns, which rules name as /path.
	// Check calls it when a rule needs the file. A file that does not exist
	// (fs.ErrNotExist) is empty; after another error, or if ReadFile is nil, the
	// rule cannot be decided.
	ReadFile func(path string) ([]byte, error)

	rules []rule // those of hosts.allow come first
}

// rule is a line of a file.
type rule struct {
	file    string
	line    int
	text    string
	doubt   string // why tcp_wrappers would ignore it
	daemons *list
	clients *list
	options []Option
	grants  bool
	refusal string // what is wrong with its options; the rule then refuses the peer
}

// ParseHosts parses the text of both files. The names are for messages. Rules
// with faults are kept as far as tcp_wrappers would keep them; a rule with a
// fault in its options refuses whom it matches.
//
// A third field that starts with / or ( is a shell command of the language before
// hosts_options(5), and is read as spawn with that command. Debian's tcp_wrappers
// would refuse the peer.
func ParseHosts(allowFile string, allow []byte, denyFile string, deny []byte) (*Tables, []Problem) {
	t := &Tables{}
	problems := t.parse(allowFile, allow, true)
	return t, append(problems, t.parse(denyFile, deny, false)...)
}

func (t *Tables) parse(file string, text []byte, grants bool) []Problem {
	r := &reporter{file: file}
	text, fault := r.decode(text, closing(grants))
	if fault != nil {
		t.refuseAll(r, fault.Line, fault.Text)
	}
	for range r.lines(text) {
		if rule, ok := r.rule(grants); ok {
			t.rules = append(t.rules, rule)
		}
	}
	if r.line.cutOff {
		t.cutOff(r, grants)
	}
	return r.sorted()
}

// cutOff deals with a last line without a newline: the file may still be being written.
// As in Debian's tcp_wrappers that line lets in nobody, and in hosts.deny it refuses
// every peer that no rule before it lets in.
func (t *Tables) cutOff(r *reporter, grants bool) {
	effect := "the last line lets in nobody"
	if !grants {
		effect = closing(grants)
		number, _ := r.line.where(0)
		t.refuseAll(r, number, noNewline)
	}
	r.report(len(r.line.text), noNewline+": "+effect, "a newline")
}

// closing says what a damaged file does to peers.
func closing(grants bool) string {
	if grants {
		return "nobody is let in"
	}
	return "every peer is refused that no rule lets in"
}

// refuseAll adds a rule that refuses every peer that reaches it, with the reason.
func (t *Tables) refuseAll(r *reporter, line int, why string) {
	all := token{"ALL", 0}
	t.rules = append(t.rules, rule{file: r.file, line: line, daemons: r.daemons(all), clients: r.clients(all), refusal: why})
}

const noNewline = "no newline at the end of the file"

// rule parses the current line.
func (r *reporter) rule(grants bool) (rule, bool) {
	r.open, r.close = 0, 0
	whole := token{r.line.text, 0}
	daemons, rest, ok := cutField(whole)
	if !ok {
		r.report(whole.trim().offset, `no ":" after the daemons`, "daemons : clients [: options]")
		return rule{}, false
	}
	number, _ := r.line.where(0)
	u := rule{
		file:   r.file,
		line:   number,
		text:   strings.Join(strings.Fields(r.line.text), " "),
		grants: grants,
	}
	rest = r.doubts(&u, whole, rest)
	clients, options, hasOptions := cutField(rest)
	u.daemons, u.clients = r.daemons(daemons), r.clients(clients)
	if hasOptions {
		r.options(&u, options)
	}
	return u, true
}

// doubts finds what makes tcp_wrappers ignore u, or an administrator believe that it
// does. It returns rest, the fields after the daemons, corrected.
func (r *reporter) doubts(u *rule, whole, rest token) token {
	if r.line.cutOff {
		u.doubt = noNewline
	}
	if start := whole.trim(); start.text[0] == '#' {
		u.doubt = "only a # in the first column starts a comment"
		r.report(start.offset, u.doubt+": this is a rule", "# in the first column")
	}
	if in, ok := bracketed(rest); ok {
		u.doubt = "IPv6 address without brackets"
		r.report(in.offset, u.doubt, in.text)
		r.open, r.close = in.offset, in.offset+strings.Index(in.text, "]")
		return in
	}
	return rest
}

// bracketed returns rest with the brackets it lacks if it is a bare IPv6 address or
// network. tcp_wrappers ends that at its first colon.
func bracketed(rest token) (token, bool) {
	rest = rest.trim()
	addr, length, masked := strings.Cut(rest.text, "/")
	if a, err := netip.ParseAddr(addr); err != nil || !a.Is6() {
		return rest, false
	}
	rest.text = "[" + addr + "]"
	if masked {
		rest.text += "/" + length
	}
	return rest, true
}

// cutField cuts s at the first colon outside of brackets.
func cutField(s token) (field, rest token, found bool) {
	open := 0
	for i, c := range []byte(s.text) {
		switch {
		case c == '[':
			open++
		case c == ']':
			open--
		case c == ':' && open == 0:
			return token{s.text[:i], s.offset}, token{s.text[i+1:], s.offset + i + 1}, true
		}
	}
	return s, token{}, false
}

// Check answers q by the first rule that matches: a rule of hosts.allow lets the peer
// in, one of hosts.deny refuses it, unless its options say otherwise. If no rule
// matches, the peer is let in. The name of the peer is not asked for if its address
// decides.
func (t *Tables) Check(q Query) Verdict {
	a := q.asker(t.ReadFile)
	note := ""
	for i := range t.rules {
		r := &t.rules[i]
		switch a.rule(r) {
		case yes:
			return r.verdict(a.peer.state, note)
		case unasked:
			return Verdict{File: r.file, Line: r.line, Rule: r.text, NeedName: true}
		case unsure:
			note = fmt.Sprintf("%s:%d cannot be decided: %s", r.file, r.line, a.doubt)
			if !r.grants || r.twists() {
				return Verdict{File: r.file, Line: r.line, Rule: r.text, Note: note}
			}
		}
	}
	return Verdict{Allow: true, Note: note}
}

// verdict returns what r says about a peer that it matches. Like tcp_wrappers it also
// wants the name if an option is expanded with it.
func (r *rule) verdict(state NameState, note string) Verdict {
	v := Verdict{File: r.file, Line: r.line, Rule: r.text, Note: note}
	wantsName := func(o Option) bool { return usesName(o.Value) }
	if state == NotAsked && slices.ContainsFunc(r.options, wantsName) {
		v.NeedName = true
		return v
	}
	v.Allow, v.Options = r.grants, r.options
	if r.refusal != "" {
		v.Note = r.refusal
	}
	return v
}

// twists reports whether r puts another program in place of the server.
func (r *rule) twists() bool {
	return slices.ContainsFunc(r.options, func(o Option) bool { return o.Name == "twist" })
}

// rule answers whether r matches.
func (a *asker) rule(r *rule) answer {
	got := a.list(r.daemons, a.daemonItem)
	if got != no {
		got = min(got, a.list(r.clients, a.clientItem))
	}
	if got == yes && r.doubt != "" {
		return a.unsure(r.doubt)
	}
	return got
}
