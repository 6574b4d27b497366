package conf

import (
	"strings"
	"testing"
)

// readings are lines of other systems, and lines that are wrong as a whole, with what
// comes out of them: the problems, then the labels of the entries.
var readings = []struct{ name, text, want string }{
	// The columns.
	{"no user", "finger stream tcp nowait /usr/sbin/fingerd fingerd -l", `
error: f:1:26: the user column is missing; write finger stream tcp nowait USER /usr/sbin/fingerd fingerd -l`},
	{"no user of a builtin", "echo stream tcp nowait internal", `
error: f:1:24: the user column is missing; write echo stream tcp nowait USER internal`},
	{"no user among lines that have one", "a stream tcp nowait /bin/cat cat\nb stream tcp nowait /bin/cat cat\nc stream tcp nowait root /bin/cat cat", `
error: f:1:21: the user column is missing; write a stream tcp nowait USER /bin/cat cat
error: f:2:21: the user column is missing; write b stream tcp nowait USER /bin/cat cat
c/tcp`},
	{"an Ultrix file", "a stream tcp nowait /bin/cat cat\nb stream tcp nowait internal", `
warning: f:1:21: no user column: the server runs as root, as on Ultrix; write the user before the server
warning: f:2:21: no user column: the server runs as root, as on Ultrix; write the user before the server
a/tcp b/tcp`},
	{"user and server exchanged", "finger stream tcp nowait /usr/sbin/fingerd nobody fingerd", `
error: f:1:26: user and server are exchanged; write finger stream tcp nowait nobody /usr/sbin/fingerd fingerd`},
	{"user and server exchanged in every line", "a stream tcp nowait /bin/cat nobody\nb stream tcp nowait /bin/cat nobody", `
error: f:1:21: user and server are exchanged; write a stream tcp nowait nobody /bin/cat
error: f:2:21: user and server are exchanged; write b stream tcp nowait nobody /bin/cat`},
	{"user and server exchanged in one of two lines", "a stream tcp nowait /bin/cat cat\nb stream tcp nowait /bin/cat nobody", `
error: f:1:21: the user column is missing; write a stream tcp nowait USER /bin/cat cat
error: f:2:21: user and server are exchanged; write b stream tcp nowait nobody /bin/cat`},
	{"wait and user exchanged", "finger stream tcp nobody nowait.40 /usr/sbin/fingerd fingerd", `
error: f:1:19: wait and user are exchanged; write finger stream tcp nowait.40 nobody /usr/sbin/fingerd fingerd`},
	{"type and protocol exchanged", "finger tcp stream nowait nobody /usr/sbin/fingerd", `
error: f:1:8: socket type and protocol are exchanged; write finger stream tcp nowait nobody /usr/sbin/fingerd`},
	{"a column before the type", "finger 79 stream tcp nowait nobody /usr/sbin/fingerd", `
error: f:1:8: a column too many: "79" before the socket type; write finger stream tcp nowait nobody /usr/sbin/fingerd`},
	{"a column before the protocol", "finger stream stream tcp nowait nobody /usr/sbin/fingerd", `
error: f:1:15: a column too many: "stream" before the protocol; write finger stream tcp nowait nobody /usr/sbin/fingerd`},
	{"a column before the wait word", "finger stream tcp tcp nowait nobody /usr/sbin/fingerd", `
error: f:1:19: a column too many: "tcp" before the wait word; write finger stream tcp nowait nobody /usr/sbin/fingerd`},
	{"a column before the user", "finger stream tcp nowait nowait nobody /usr/sbin/fingerd", `
error: f:1:26: a column too many: "nowait" before the user; write finger stream tcp nowait nobody /usr/sbin/fingerd`},
	{"user and group", "finger stream tcp nowait nobody nogroup /usr/sbin/fingerd fingerd", `
warning: f:1:33: "nogroup" is read as the server; a group is written nobody:nogroup
finger/tcp`},
	{"a wait word and no user", "finger stream tcp nowait wait /usr/sbin/fingerd", `
error: f:1:26: the user column is missing; "wait" stands in its place`},

	{"options after the protocol", "x stream tcp,sndbuf=1k,rcvbuf=2k,sndbfu=3k nowait root /bin/cat", `
error: f:1:34: unknown option "sndbfu" after the protocol; did you mean "sndbuf"?`},
	{"a bad value of a later option", "x stream tcp,sndbuf=1k,rcvbuf=2x,sndbuf=3k nowait root /bin/cat", `
error: f:1:31: bad buffer size "2x"; expected a number of bytes, such as 16384, 16k or 1m`},
	{"HP-UX's nine columns with a list of versions", "rpc dgram udp wait root /usr/sbin/x 100002 1,3 x", `
warning: f:1:44: RPC versions 1,3 registered as 1-3; write a range
100002/rpc/udp`},

	// Other files.
	{"xinetd", "service ftp\n{\n\tsocket_type = stream\n\tserver = /usr/sbin/ftpd\n}\na " + cat, `
error: f:1:1: a stanza of xinetd.conf, which is skipped; put it into a file without lines of inetd, or write it as one
a/tcp`},
	{"xinetd on one line", "defaults {\ninstances = 60\n}\nservice ftp {\nuser = root\n}\na " + cat, `
error: f:1:1: a stanza of xinetd.conf, which is skipped; put it into a file without lines of inetd, or write it as one
error: f:4:1: a stanza of xinetd.conf, which is skipped; put it into a file without lines of inetd, or write it as one
a/tcp`},
	{"xinetd without an end", "service ftp\n{\nuser = root", `
error: f:1:1: a stanza of xinetd.conf, which is skipped; put it into a file without lines of inetd, or write it as one`},
	{"xinetd without an end before an entry", "service ftp\n{\nuser = root\na " + cat, `
error: f:1:1: a stanza of xinetd.conf, which is skipped; put it into a file without lines of inetd, or write it as one
a/tcp`},
	{"a service of that name", "service " + cat, `
service/tcp`},
	{"C++", "// a comment\n//a " + cat + "b " + cat, `
error: f:1:1: "//" begins no comment; write #
error: f:2:1: "//" begins no comment; write #
b/tcp`},
	{"a path with two slashes", "//run/x stream unix nowait root /bin/cat", `
//run/x`},
	{"systemd", "[Unit]\nDescription=x\n\n[Socket]\nListenStream=79\na " + cat, `
error: f:1:1: a section of a unit of systemd, which is skipped; write its service as a line: see inetd.conf(5)
error: f:4:1: a section of a unit of systemd, which is skipped; write its service as a line: see inetd.conf(5)
a/tcp`},
	{"Solaris SMF", "<?xml version=\"1.0\"?>\n<service_bundle type='manifest' name='x'>\n</service_bundle>\n", `
error: f:1:1: XML, as in a manifest of Solaris, of which nothing is read; write its services as lines: see inetd.conf(5)`},
	{"Solaris defaults", "ENABLE_TCPWRAPPERS=NO\nENABLE_CONNECTION_LOGGING=NO\na " + cat, `
error: f:1:1: a setting of /etc/default/inetd; its place is there, or an option of inetd
error: f:2:1: a setting of /etc/default/inetd; its place is there, or an option of inetd
a/tcp`},
	{"HP-UX inetd.sec", "ftp allow 10.* 192.0.2.1\nlogin deny *\na " + cat, `
error: f:1:1: a rule of HP-UX's inetd.sec; its place is there: see inetd(8)
error: f:2:1: a rule of HP-UX's inetd.sec; its place is there: see inetd(8)
a/tcp`},

	{"a socket type of inetd.sec", "x allow tcp nowait root /bin/cat", `
error: f:1:3: unknown socket type "allow"; expected stream, dgram, seqpacket, rdm or raw`},

	// Words.
	{"AIX SRC", "x dgram udp SRC root /usr/sbin/x x", `
warning: f:1:13: SRC is read as wait; Linux has no System Resource Controller
x/udp`},
	{"an internal path", "/var/run/echo stream unix nowait root internal", `
/var/run/echo echo`},
	{"an internal name", "@time stream unix nowait root internal", `
@time time`},
	{"an internal path with a word", "/var/run/echo stream unix nowait root internal daytime", `
/var/run/echo daytime`},
	{"IPsec of a service that is on", "#@ in ipsec esp/transport//require\n# a comment\na " + cat + "b " + cat, `
warning: f:1:1: IPsec policy ignored: the traffic of the services below is not protected by it
a/tcp b/tcp`},
	{"IPsec of services that are off", "#@ in ipsec esp/transport//require\n#a " + cat + "b off protocol = tcp;\nc " + "strem tcp nowait root /bin/cat\n#@\nd " + cat, `
error: f:4:3: unknown socket type "strem"; did you mean "stream"?
d/tcp`},
	{"a script", "x stream tcp nowait root /usr/bin/python3 /srv/app.py", `
warning: f:1:43: argv[0] is the script, so python3 runs what the client sends; write python3 /srv/app.py
x/tcp`},
	{"a script and an argument", "x stream tcp nowait root /usr/bin/perl app.pl -v", `
warning: f:1:40: argv[0] is the script, so perl does not run it; write perl app.pl -v
x/tcp`},
	{"a shell", "x stream tcp nowait root /bin/sh sh -c date\ny stream tcp nowait root /bin/bash -bash", `
x/tcp y/tcp`},
}

func TestReadings(t *testing.T) {
	t.Parallel()
	for _, tt := range readings {
		entries, problems := Parse("f", []byte(tt.text), nil)
		got := ""
		for _, p := range problems {
			got += "\n" + p.Severity.String() + ": " + p.String()
		}
		var labels []string
		for _, e := range entries {
			labels = append(labels, strings.Join(append([]string{e.Label()}, e.Argv[:min(len(e.Argv), 1)]...), " "))
			if e.Kind != Unix || !e.Internal {
				labels[len(labels)-1] = e.Label()
			}
		}
		if len(labels) > 0 {
			got += "\n" + strings.Join(labels, " ")
		}
		if got != tt.want {
			t.Errorf("%s: got%s\nwant%s", tt.name, got, tt.want)
		}
	}
}
