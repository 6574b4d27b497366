// Package access decides who may connect. In goes the text of hosts.allow and
// hosts.deny (hosts_access(5), hosts_options(5)) or of HP-UX's inetd.sec(4), and a
// Query: which client wants which server. Out comes a Verdict: allow or deny, and
// the rule that decided. It opens no files, asks no name server and runs nothing.
//
// A rule that cannot be decided counts against the peer: it does not let in, but it
// keeps out. So where this package differs from tcp_wrappers, it refuses. Two
// differences are the other way, on purpose: a shell command without spawn in
// hosts.allow is accepted, and a pattern such as 10.* matches no host name.
package access

import (
	"net/netip"
	"strconv"
	"strings"

	"inetd/internal/plaintext"
)

// NameState tells what is known of the name of a peer.
type NameState int

const (
	NotAsked  NameState = iota // nobody has asked a name server yet
	Unknown                    // asked, and there is no name
	Confirmed                  // the name leads back to the address
	Mismatch                   // there is a name, but it does not: tcp_wrappers' PARANOID
)

// Query is a question: may this peer talk to that server?
type Query struct {
	Daemon    string         // daemon process name, the base name of argv[0]
	Service   string         // official service name, for inetd.sec
	Peer      netip.AddrPort // zero: unknown; IPv4-mapped addresses count as IPv4
	Local     netip.AddrPort // the end of the connection on this machine
	PeerName  string         // counts only if NameState is Confirmed
	LocalName string         // "": unknown; matters for daemon@name patterns only
	NameState NameState
	User      string // "": unknown
	UnixPeer  bool   // a unix-domain peer has neither address nor name
}

// Verdict is the answer to a Query.
type Verdict struct {
	Allow bool

	// File, Line and Rule are where the rule that decided starts and its text
	// on one line; File is empty if no rule did.
	File string
	Line int
	Rule string

	// NeedName tells the caller to look up the name of the peer and to ask again
	// with a NameState other than NotAsked. Until then Allow is false.
	NeedName bool

	// Options are what the rule asks for, in order. They belong to the Tables and
	// must not be changed. A peer that a rule lets in must still be refused if one
	// of these options cannot be carried out.
	Options []Option

	// Note explains a verdict that the rule alone does not explain; it may be empty.
	Note string
}

// Place returns where the rule that decided starts, FILE:LINE, or the file that cannot
// be read. It is empty if no rule decided.
func (v Verdict) Place() string {
	return plaintext.Place(v.File, v.Line, 0)
}

// Problem is a fault in a file, with the place of its first byte. The rest of
// the file is in force.
type Problem struct {
	File      string
	Line, Col int
	Text      string // what is wrong
	Hint      string // what was expected, or probably meant; may be empty
}

// String returns the problem with its place, as a log line shows it.
func (p Problem) String() string {
	return plaintext.Complaint(plaintext.Place(p.File, p.Line, p.Col), p.Text, p.Hint)
}

// host is one end of a connection as patterns see it.
type host struct {
	end   string // which one, for messages
	addr  netip.Addr
	text  string // the address as tcp_wrappers writes it, or "unknown"
	port  uint16
	name  string // lower case, without the final dot of a DNS name
	state NameState
	unix  bool
}

const unknown = "unknown" // what tcp_wrappers calls a missing name, address or user

func newHost(end string, ap netip.AddrPort, name string, state NameState, unix bool) host {
	h := host{end: end, addr: ap.Addr().Unmap(), text: unknown, port: ap.Port(), state: state, unix: unix}
	if unix {
		h.addr, h.state = netip.Addr{}, Unknown
	}
	if h.addr.IsValid() {
		h.text = strings.ToLower(h.addr.String())
	}
	if h.state == Confirmed {
		h.name = strings.TrimSuffix(strings.ToLower(name), ".")
	}
	// Without an address there is nothing to ask a name server.
	if h.state == Confirmed && h.name == "" || h.state == NotAsked && !h.addr.IsValid() {
		h.state = Unknown
	}
	return h
}

// peer returns the far end of the connection.
func (q Query) peer() host {
	return newHost("peer", q.Peer, q.PeerName, q.NameState, q.UnixPeer)
}

// local returns this end of the connection. Its name is looked up together with the
// peer's. The caller may leave it out: then it is unknown.
func (q Query) local() host {
	state := q.NameState
	switch {
	case q.LocalName != "":
		state = Confirmed
	case state != NotAsked:
		state = Unknown
	}
	return newHost("local", q.Local, q.LocalName, state, q.UnixPeer)
}

func (q Query) user() string {
	if q.User == "" {
		return unknown
	}
	return q.User
}

// hostname returns the name, or what tcp_wrappers says in its place.
func (h host) hostname() string {
	switch {
	case h.state == Confirmed:
		return h.name
	case h.state == Mismatch:
		return "paranoid"
	default:
		return unknown
	}
}

// info returns the name, or else the address.
func (h host) info() string {
	if h.state == Confirmed {
		return h.name
	}
	return h.text
}

// stateIs answers whether the state of the name of h is s.
func (h host) stateIs(s NameState) answer {
	if h.state == NotAsked {
		return unasked
	}
	return answerTo(h.state == s)
}

func (h host) portText() string {
	return strconv.Itoa(int(h.port))
}

// answer is what a pattern says about a host. Of alternatives the greatest answer
// counts; of conditions that must all hold, the least.
type answer int

const (
	no      answer = iota
	unsure         // cannot be known: counts against the peer
	unasked        // depends on a name that nobody has asked for yet
	yes
)

func answerTo(matches bool) answer {
	if matches {
		return yes
	}
	return no
}

func (a answer) not() answer {
	switch a {
	case yes:
		return no
	case no:
		return yes
	default:
		return a
	}
}
