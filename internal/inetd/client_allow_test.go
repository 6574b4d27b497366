package inetd

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"inetd/internal/wrap/dnstest"
)

// TestClients: the keys allow, deny and wrap decide who is served, together with
// hosts.allow and inetd.sec, and the log names the place that decided.
func TestClients(t *testing.T) {
	if !apart(t) {
		return
	}
	const echo = "127.0.0.1:PORT on protocol = tcp, wait = no, user = -, exec = /bin/echo, args = echo welcome"
	const builtin = "127.0.0.1:PORT on protocol = tcp, wait = no, user = -, exec = internal, args = daytime"
	refused := func(why string) string {
		return `: refused connection from \S+, service PORT \(tcp\): DIR/inetd\.conf:` + why + ` \(daemon echo, peer 127\.0\.0\.\d:\d+\)$`
	}
	for _, test := range []struct {
		name, conf, from, deny, sec string
		served                      bool
		log                         string
	}{
		{"allow", echo + ", allow = 127.0.0.2;", "127.0.0.2", "", "", true, `-refused`},
		{"allow another", echo + ",\n  allow = 127.0.0.3;", "127.0.0.2", "", "", false, refused(`2: allow: it does not name the client`)},
		{"deny", echo + ", deny = 127.0.0.2/31 10.0.0.0/8;", "127.0.0.3", "", "", false, refused(`1: deny = 127\.0\.0\.2/31`)},
		{"deny another", echo + ", deny = 127.0.0.2/31;", "127.0.0.4", "", "", true, `-refused`},
		{"deny wins", echo + ", allow = 127.0.0.0/8, deny = 127.0.0.2;", "127.0.0.2", "", "", false, refused(`1: deny = 127\.0\.0\.2/32`)},
		{"amended", "PORT/tcp with deny = 127.0.0.0/8;\n" + echoServer, "127.0.0.2", "", "", false, `DIR/inetd\.conf:1: deny = 127\.0\.0\.0/8 `},
		{"name", echo + ", allow = .example.test;", "127.0.0.2", "", "", true, `-refused`},
		{"name denied", echo + ", deny = good.example.test;", "127.0.0.2", "", "", false, refused(`1: deny = good\.example\.test`)},
		{"forged name", echo + ", allow = liar.example.test;", "127.0.0.3", "", "", false, refused(`1: allow: cannot be decided: peer name does not lead back to the address`)},
		{"no name", echo + ", deny = .example.test;", "127.0.0.5", "", "", false, refused(`1: deny: cannot be decided: peer name is not known`)},
		{"network beside names", echo + ", allow = 127.0.0.5 .example.test;", "127.0.0.5", "", "", true, `-refused`},
		{"builtin", builtin + ", deny = 127.0.0.2;", "127.0.0.2", "", "", false, `DIR/inetd\.conf:1: deny = 127\.0\.0\.2/32 \(daemon PORT, `},
		{"builtin by name", builtin + ", allow = good.example.test;", "127.0.0.2", "", "", true, `-refused`},
		{"hosts.deny not asked", echo + ", allow = 127.0.0.2;", "127.0.0.2", "ALL: ALL", "", true, `-refused`},
		{"wrap", echo + ", wrap = yes;", "127.0.0.2", "ALL: ALL", "", false, `: refused connection from .*: DIR/deny:1: ALL: ALL `},
		{"wrap of a builtin", builtin + ", wrap = yes;", "127.0.0.2", "ALL: ALL", "", false, `: refused connection from .*: DIR/deny:1: ALL: ALL `},
		{"wrap and allow", echo + ", wrap = yes, allow = 127.0.0.2;", "127.0.0.2", "ALL: ALL", "", false, `: DIR/deny:1: ALL: ALL `},
		{"wrap and name", echo + ", wrap = yes, allow = other.example;", "127.0.0.2", "ALL: 127.0.0.9", "", false, refused(`1: allow: it does not name the client`)},
		{"inetd.sec and allow", echo + ", allow = 127.0.0.2;", "127.0.0.2", "", "PORT deny 127.0.0.2", false, `: DIR/sec:1: PORT deny 127\.0\.0\.2 `},
		{"all let in", echo + ", wrap = yes, allow = good.example.test;", "127.0.0.2", "ALL: 127.0.0.9", "PORT allow 127.*", true, `-refused`},
	} {
		t.Run(test.name, func(t *testing.T) {
			sc := newScene(t, test.conf+"\n", nil)
			sc.names = dnstest.Example(t)
			sc.write("deny", test.deny+"\n")
			if test.sec != "" {
				sc.write("sec", test.sec+"\n")
			}
			sc.start()
			if got := sc.visit(test.from, "") != ""; got != test.served {
				t.Errorf("served: %v", got)
			}
			if u := sc.s.now.Services[0].Usage(); u.Live != 0 || u.Refused.Rules != map[bool]uint64{true: 0, false: 1}[test.served] {
				t.Errorf("%d servers seem to run, %d refused", u.Live, u.Refused.Rules)
			}
			sc.wantLog(test.log)
		})
	}
}

// TestClientsWithoutWrap: an entry may opt out of the files of access rules that -l uses.
func TestClientsWithoutWrap(t *testing.T) {
	sc := newScene(t, keyed("-", "wrap = no", "echo welcome"), wrapped)
	sc.write("deny", "ALL: ALL\n")
	sc.start()
	if got := sc.visit(stranger, ""); got != "welcome\n" {
		t.Errorf("answer %q, log %s", got, sc.end())
	}
}

// TestClientsOfDatagrams: a builtin does not answer clients that its entry refuses, and the
// log says so once.
func TestClientsOfDatagrams(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT on protocol = udp, wait = yes, user = -, exec = internal, args = echo, allow = 127.0.0.3;\n", nil)
	sc.start()
	answer := make(chan string)
	go func() {
		defer sc.s.Stop()
		for _, from := range []string{stranger, stranger, "127.0.0.3"} {
			c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(from)}, udpAddr(sc.port))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			c.Write([]byte(from))
			if from != stranger {
				b := make([]byte, 99)
				c.SetDeadline(time.Now().Add(10 * time.Second))
				n, _ := c.Read(b)
				go func() { answer <- string(b[:n]) }()
			}
		}
	}()
	for !sc.s.stopping.Load() {
		sc.s.turn()
	}
	if got := <-answer; got != "127.0.0.3" {
		t.Errorf("answer %q", got)
	}
	if n := sc.s.now.Services[0].Usage().Refused.Rules; n != 2 {
		t.Errorf("%d refused", n)
	}
	if log := sc.end(); strings.Count(log, "refused connection") != 1 {
		t.Errorf("log:\n%s", log)
	}
}

func udpAddr(port string) *net.UDPAddr {
	a, _ := net.ResolveUDPAddr("udp4", "127.0.0.1:"+port)
	return a
}

// TestClientsImpossible: a service whose clients cannot be refused is not opened.
func TestClientsImpossible(t *testing.T) {
	for _, tt := range []struct{ service, keys, log string }{
		{"127.0.0.1:PORT on protocol = tcp, wait = yes", "allow = 10.0.0.0/8", `inetd\.conf:1:\d+; `},
		{"127.0.0.1:PORT on protocol = udp, wait = yes", "deny = 10.0.0.0/8", `: deny: nobody can be refused who talks to a wait or listen server, service ignored \(.*; with check_first = yes `},
		{"127.0.0.1:PORT on protocol = tcp, wait = yes", "deny = 10.0.0.0/8, check_first = yes", `: deny: nobody can be refused who talks to a wait or listen server, service ignored \(`},
		{"127.0.0.1:PORT on protocol = udp, wait = yes", "deny = host.example, check_first = yes", `: deny: the name of a datagram's sender is not looked up, service ignored \(`},
		{"127.0.0.1:PORT on protocol = tcp, wait = listen", "wrap = yes", `: wrap: nobody can be refused `},
		{"127.0.0.1:PORT on protocol = udp, wait = no", "deny = host.example", `: deny: the name of a datagram's sender is not looked up, service ignored \(.*; write networks\)`},
		{"127.0.0.1:PORT on protocol = udp, wait = no", "wrap = yes", `: wrap: the sender of a datagram is not looked up in hosts\.allow, service ignored`},
	} {
		t.Run(tt.service+" "+tt.keys, func(t *testing.T) {
			sc := newScene(t, tt.service+", user = -, exec = /bin/true, "+tt.keys+";\n", nil)
			sc.start()
			if n := len(sc.s.now.Services); n != 0 {
				t.Errorf("%d services", n)
			}
			sc.wantLog(tt.log)
		})
	}
	sc := newScene(t, "DIR/socket on protocol = unix, socktype = stream, wait = no, user = -, exec = /bin/true, allow = 10.0.0.0/8;\n", nil)
	sc.start()
	if n := len(sc.s.now.Services); n != 1 {
		t.Errorf("%d services", n)
	}
	sc.wantLog(`: allow has no effect: these clients have no network address \(`)
}

// TestManyClients: lists of 100,000 networks are read, reloaded and obeyed, and their
// text is not kept.
func TestManyClients(t *testing.T) {
	if !apart(t) {
		return
	}
	var list strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&list, " 10.%d.%d.%d\n", i>>16, i>>8&255, i&255)
	}
	sc := newScene(t, "* with deny =\n"+list.String()+" 127.0.0.3;\n"+echoServer+"\n", nil)
	sc.start()
	if got := sc.visit(stranger, ""); got != "welcome\n" {
		t.Errorf("answer %q", got)
	}
	if got := sc.visit("127.0.0.3", ""); got != "" {
		t.Errorf("answer %q", got)
	}
	if do := sc.s.now.Services[0].Do; len(do.Action.Keys) > 1024 || len(do.Keys.Deny) > 0 || len(do.Keys.Options[0].Values) > 0 {
		t.Error("the text of the list was kept")
	}
	if got := regexp.MustCompile(`inetd\.conf:\d+`).FindString(sc.end()); got != "inetd.conf:1" {
		t.Errorf("the place is %s", got)
	}
}

// TestGuardAllocatesNothing: to admit a client by its address allocates nothing.
func TestGuardAllocatesNothing(t *testing.T) {
	file := oneService(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append([]byte("* with allow = 127.0.0.0/8 host.example, deny = 10.0.0.0/8;\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	startsAllocateNothing(t, serving(t, file))
}
