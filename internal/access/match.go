package access

import (
	"errors"
	"io/fs"
	"strings"

	"inetd/internal/plaintext"
)

// asker is a Query on its way through the rules.
type asker struct {
	daemon, user string
	peer, local  host
	read         func(string) ([]byte, error)
	files        map[fileQuestion]answer
	doubt        string // why the last unsure answer is neither yes nor no
}

// fileQuestion asks whether a file has a pattern that matches a host.
type fileQuestion struct {
	path string
	host *host
}

func (q Query) asker(read func(string) ([]byte, error)) *asker {
	return &asker{daemon: strings.ToLower(q.Daemon), user: strings.ToLower(q.user()), peer: q.peer(), local: q.local(), read: read}
}

func (a *asker) unsure(why string) answer {
	a.doubt = why
	return unsure
}

// host answers whether p matches h.
func (a *asker) host(p *pattern, h *host) answer {
	got := a.match(p, h)
	if p.doubt != "" && got == yes {
		return a.unsure(p.doubt)
	}
	return got
}

func (a *asker) match(p *pattern, h *host) answer {
	switch p.kind {
	case byWord:
		return a.word(p.word, h)
	case byNet4:
		return a.address(h, h.addr.Is4() && bits4(h.addr)&p.mask == p.net)
	case byNet6:
		return a.net6(p, h)
	case byFile:
		return a.file(p.path, h)
	case byNetgroup:
		return yes
	case byKnown:
		return min(answerTo(h.addr.IsValid()), h.stateIs(Confirmed))
	case byUnknown:
		return max(answerTo(!h.addr.IsValid()), h.stateIs(Unknown))
	case byLocal:
		return a.name(h, func(name string) bool { return !strings.Contains(name, ".") })
	case byParanoid:
		return h.stateIs(Mismatch)
	default:
		return no
	}
}

func (a *asker) word(w word, h *host) answer {
	if w.kind == anything {
		return yes
	}
	if got := a.address(h, w.match(h.text)); got == yes || w.numeric() {
		return got
	}
	return a.name(h, w.match)
}

// address answers matches, what is true of the address of h, if h has one.
func (a *asker) address(h *host, matches bool) answer {
	if !h.addr.IsValid() && !h.unix {
		return a.unsure(h.end + " address is not known")
	}
	return answerTo(matches && !h.unix)
}

// net6 answers unsure for the same address on another link, which is then refused:
// tcp_wrappers knows no zones.
func (a *asker) net6(p *pattern, h *host) answer {
	got := a.address(h, p.net6.Contains(h.addr.WithZone("")))
	if got == yes && p.zone != "" && p.zone != h.addr.Zone() {
		return a.unsure(h.end + " address is on another link")
	}
	return got
}

// name answers by the name of h if it is known. A peer that hides its name must not
// escape a rule that way (CVE-2000-0536).
func (a *asker) name(h *host, matches func(string) bool) answer {
	switch {
	case h.unix:
		return no
	case h.state == Confirmed:
		return answerTo(matches(h.name))
	case h.state == NotAsked:
		return unasked
	case h.state == Mismatch:
		return a.unsure(h.end + " name does not lead back to the address")
	default:
		return a.unsure(h.end + " name is not known")
	}
}

// comment weakens the answer of a pattern in what looks like a comment: tcp_wrappers
// has no comments in files of patterns.
func (a *asker) comment(got answer, path string) answer {
	if got == yes {
		return a.unsure("a comment in " + path)
	}
	return no
}

// file answers whether a pattern of the file matches h. It reads the file once for all
// rules. A file that names itself is undecided.
func (a *asker) file(path string, h *host) answer {
	question := fileQuestion{path, h}
	got, asked := a.files[question]
	if !asked {
		if a.files == nil {
			a.files = map[fileQuestion]answer{}
		}
		a.files[question] = unsure
		got = a.readFile(path, h)
		a.files[question] = got
	} else if got == unsure {
		a.doubt = path + " is undecided"
	}
	return got
}

func (a *asker) readFile(path string, h *host) answer {
	if a.read == nil {
		return a.unsure(path + " is not read")
	}
	text, err := a.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return no // as in tcp_wrappers: lists of banned hosts come and go
	}
	if err != nil {
		return a.unsure(err.Error())
	}
	patterns, _, fault := plaintext.Decode(string(text))
	if fault != nil {
		return a.unsure(path + ":" + fault.Error())
	}
	got := no
	for ln := range strings.Lines(patterns) {
		for tok := range strings.FieldsSeq(ln) {
			p, _ := parsePattern(tok)
			one := a.host(&p, h)
			if ln[0] == '#' {
				one = a.comment(one, path)
			}
			if got = max(got, one); got == yes {
				return yes
			}
		}
	}
	return got
}
