package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	referenceName = "reference" // the daemon that ratios refer to
	oursName      = "inetd"
	debianName    = "openbsd-inetd"         // takes its place where the reference cannot serve
	proxydName    = "systemd-socket-proxyd" // takes its place for relays
)

// peer is a program that serves ports: how to obtain, configure and start it.
type peer struct {
	name   string
	binary string                          // path of the program
	origin string                          // glob of the file it came from; the name holds the version
	remark string                          // what a reader of its figures should know
	fetch  func(ctx context.Context) error // puts the binary into the cache; nil: it must be there

	// config returns the configuration for these entries; nil: there is one process
	// for each entry. command returns the arguments of a process.
	config  func(entries []entry) string
	command func(conf string, e entry) []string

	dgram    bool // serves UDP
	builtins bool // has echo, discard and chargen

	relay    bool                   // passes connections on, and starts no server
	launcher func(e entry) []string // the command that executes the program; nil: none
}

// entry is one service as a daemon is to offer it.
type entry struct {
	addr    string
	port    int
	dgram   bool   // a wait service; else nowait on a stream
	program string // "" for a builtin
	builtin string // its name in /etc/services
	to      string // where connections are passed on to; "": nowhere
	keys    string // for inetd.conf with keys; "": a classic line
	ask     string // what a client says first
	mute    bool   // never answers
}

// allPeers returns every daemon that can take part, the reference first and
// ours second. All are told to keep their rate limits out of the way, to have as long
// a listen queue as they can, and to stay in the foreground if they can.
func allPeers(c *cache, ours string) []*peer {
	own := []*peer{
		{
			name: referenceName, remark: "serves one port in every row",
			binary: c.path("bin", "reference"), dgram: true,
			command: func(_ string, e entry) []string {
				return []string{protocol(e), e.addr, strconv.Itoa(e.port), e.program}
			},
		},
		{
			name: oursName, binary: ours, dgram: true, builtins: true, config: classic,
			command: func(conf string, _ entry) []string {
				return []string{"-i", "-q", "4096", "-R", "0", "-p", conf + ".pid", conf}
			},
		},
	}
	return slices.Concat(own, otherPeers(c), relayPeers(c))
}

// packaged completes a peer that comes from a package of Debian, with its path there.
func (c *cache) packaged(pkg, path string, p peer) *peer {
	p.binary = filepath.Join(c.path("root", pkg), path)
	p.origin = c.path("deb", pkg+"_*.deb")
	p.fetch = func(ctx context.Context) error { return c.unpack(ctx, pkg) }
	return &p
}

// otherPeers returns the super-servers of others.
func otherPeers(c *cache) []*peer {
	return []*peer{
		c.packaged("openbsd-inetd", "usr/sbin/inetd", peer{
			name: debianName, dgram: true, builtins: true, config: classic,
			command: func(conf string, _ entry) []string {
				return []string{"-i", "-q", "4096", "-R", "1000000", conf}
			},
		}),
		c.packaged("inetutils-inetd", "usr/sbin/inetutils-inetd", peer{
			name:   "inetutils-inetd",
			remark: "its listen queue is 10 long, its select serves no more than 1,024 descriptors, and it sleeps for a second when the exit of a server interrupts that select",
			dgram:  true, builtins: true, config: classic,
			command: func(conf string, _ entry) []string {
				return []string{"-R", "1000000", "-p" + conf + ".pid", conf}
			},
		}),
		c.packaged("xinetd", "usr/sbin/xinetd", peer{
			name:   "xinetd",
			remark: "its listen queue is 64 long, and it throws away what a datagram socket has received by the exit of the server",
			dgram:  true, builtins: true, config: xinetd,
			command: func(conf string, _ entry) []string {
				return []string{"-dontfork", "-pidfile", conf + ".pid", "-f", conf}
			},
		}),
		{
			name: "busybox", remark: "built from Debian's source with no applet but inetd; its select serves no more than 1,024 descriptors",
			binary: c.path("bin", "busybox"), origin: c.path("src", "busybox_*.dsc"), fetch: c.busybox,
			dgram: true, builtins: true, config: classic,
			command: func(conf string, _ entry) []string {
				return []string{"inetd", "-f", "-q", "4096", "-R", "1000000", conf}
			},
		},
		c.packaged("ucspi-tcp", "usr/bin/tcpserver", peer{
			name: "tcpserver",
			command: func(_ string, e entry) []string {
				return []string{"-q", "-H", "-R", "-l0", "-c", "1000000", "-b", "4096", e.addr, strconv.Itoa(e.port), e.program}
			},
		}),
	}
}

// choose returns the reference and the wanted peers.
func choose(peers []*peer, wanted []string) ([]*peer, error) {
	for _, name := range wanted {
		if !slices.Contains(names(peers), name) {
			return nil, fmt.Errorf("unknown daemon %q, want some of %s", name, strings.Join(names(peers), ","))
		}
	}
	return slices.DeleteFunc(peers, func(p *peer) bool {
		return p.name != referenceName && !slices.Contains(wanted, p.name)
	}), nil
}

func (p *peer) String() string { return p.name }

func names(peers []*peer) []string {
	var list []string
	for _, p := range peers {
		list = append(list, p.name)
	}
	return list
}

// unable says why the peer cannot serve these entries; "" if it can.
func (p *peer) unable(entries []entry) string {
	switch {
	case !exists(p.binary):
		return "not there"
	case !p.dgram && entries[0].dgram:
		return "serves no UDP"
	case !p.builtins && entries[0].builtin != "":
		return "has no builtins"
	case p.config == nil && !p.relay && len(entries) > 2:
		return "serves one port a process"
	}
	return ""
}

// classic returns the text of an inetd.conf.
func classic(entries []entry) string {
	var b strings.Builder
	for _, e := range entries {
		if e.keys != "" {
			fmt.Fprintf(&b, "%d on protocol = tcp4, bind = %s, %s;\n", e.port, e.addr, e.keys)
			continue
		}
		name, program := strconv.Itoa(e.port), e.program+" "+filepath.Base(e.program)
		if e.builtin != "" {
			name, program = e.builtin, "internal"
		}
		kind, wait := "stream", "nowait"
		if e.dgram {
			kind, wait = "dgram", "wait"
		}
		fmt.Fprintf(&b, "%s:%s\t%s\t%s\t%s\troot\t%s\n", e.addr, name, kind, protocol(e), wait, program)
	}
	return b.String()
}

// xinetd returns the text of an xinetd.conf. NOLIBWRAP has hosts.allow and
// hosts.deny left unread, as every other daemon here leaves them.
func xinetd(entries []entry) string {
	var b strings.Builder
	b.WriteString("defaults\n{\n\tinstances = UNLIMITED\n\tper_source = UNLIMITED\n\tcps = 1000000 1\n}\n")
	for i, e := range entries {
		kind, wait := "stream", "no"
		if e.dgram {
			kind, wait = "dgram", "yes"
		}
		name, how := fmt.Sprintf("s%d", i), fmt.Sprintf("type = UNLISTED\n\tport = %d\n\tserver = %s", e.port, e.program)
		if e.builtin != "" {
			name, how = e.builtin, "type = INTERNAL"
		}
		fmt.Fprintf(&b, "service %s\n{\n\tid = %s-%s\n\t%s\n\tbind = %s\n\tsocket_type = %s\n\tprotocol = %s\n\twait = %s\n\tuser = root\n\tflags = NOLIBWRAP\n}\n",
			name, name, kind, how, e.addr, kind, protocol(e), wait)
	}
	return b.String()
}

func protocol(e entry) string {
	if e.dgram {
		return "udp"
	}
	return "tcp"
}
