package access

import (
	"strconv"
	"strings"
)

// list is a list of daemons or of clients: it matches by one of items, but not by except.
type list struct {
	items  []item
	except *list
}

// item is daemon, daemon@host, host or user@host; what is not written is nil.
type item struct {
	word *word // of the daemon or the user
	host *pattern
}

const separators = ", \t\r\n"

// daemons parses the first field of a rule.
func (r *reporter) daemons(field token) *list {
	return r.list(field, "daemon", func(tok token) item {
		name, end, hasHost := cutAt(tok)
		w := parseWord(name.text)
		it := item{word: &w}
		if w.kind == exact {
			r.fault(name.offset, mistyped(name.text))
		}
		if hasHost {
			it.host = r.pattern(end)
		}
		return it
	})
}

// clients parses the second field of a rule.
func (r *reporter) clients(field token) *list {
	return r.list(field, "client", func(tok token) item {
		user, host, hasUser := cutAt(tok)
		if !hasUser {
			return item{host: r.pattern(tok)}
		}
		w := parseWord(user.text)
		return item{&w, r.pattern(host)}
	})
}

// list parses a list, one item for each token. name tells what its items are, for
// messages. The result is never nil.
func (r *reporter) list(field token, name string, parse func(token) item) *list {
	toks := tokens(field.text, field.offset, separators)
	first := &list{}
	if len(toks) == 0 || strings.EqualFold(toks[0].text, "EXCEPT") {
		r.reportf(field.offset, "ALL, or names", "no %s, so the rule matches nothing", name)
	}
	for cur, rest := first, toks; len(rest) > 0; rest = rest[1:] {
		if strings.EqualFold(rest[0].text, "EXCEPT") {
			cur.except = &list{}
			cur = cur.except
			continue
		}
		cur.items = append(cur.items, parse(rest[0]))
	}
	return first
}

func (r *reporter) pattern(tok token) *pattern {
	p, f := parsePattern(tok.text)
	r.fault(tok.offset, f)
	return &p
}

// cutAt cuts tok at its first @ after the first byte, which may be the @ of a
// netgroup. Like tcp_wrappers it does not cut what starts with a bracket.
func cutAt(tok token) (before, after token, found bool) {
	at := strings.IndexByte(tok.text[1:], '@') + 1
	if at == 0 || tok.text[0] == '[' {
		return tok, token{}, false
	}
	return token{tok.text[:at], tok.offset}, token{tok.text[at+1:], tok.offset + at + 1}, true
}

// list answers whether l matches; match answers for one item.
func (a *asker) list(l *list, match func(item) answer) answer {
	got := no
	for _, it := range l.items {
		if got = max(got, match(it)); got == yes {
			break
		}
	}
	if got == no || l.except == nil {
		return got
	}
	return min(got, a.list(l.except, match).not())
}

// daemonItem answers whether an item names the server, or its port.
func (a *asker) daemonItem(it item) answer {
	if !it.word.match(a.daemon) && !isPort(*it.word, a.local.port) {
		return no
	}
	if it.host == nil {
		return yes
	}
	return a.host(it.host, &a.local)
}

// clientItem answers whether an item names the peer.
func (a *asker) clientItem(it item) answer {
	if it.word != nil && !it.word.match(a.user) {
		return no
	}
	return a.host(it.host, &a.peer)
}

func isPort(w word, port uint16) bool {
	n, err := strconv.ParseUint(w.text, 10, 16)
	return err == nil && uint16(n) == port
}
