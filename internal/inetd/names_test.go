package inetd

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"inetd/internal/access"
)

// silentResolver is one whose name server cannot be reached.
func silentResolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
}

// Types of DNS records (RFC 1035, 3.2.2).
const (
	typeA   = 1
	typePTR = 12
)

// fakeResolver asks a name server that knows the given names of addresses and
// addresses of names.
func fakeResolver(t *testing.T, ptr, a map[string]string) *net.Resolver {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			conn.WriteTo(dnsAnswer(b[:n], ptr, a), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// dnsAnswer answers a query of one question.
func dnsAnswer(query []byte, ptr, a map[string]string) []byte {
	const header = 12
	name, rest := "", query[header:]
	for rest[0] != 0 {
		name += string(rest[1:1+rest[0]]) + "."
		rest = rest[1+rest[0]:]
	}
	question := query[header : len(query)-len(rest)+5]
	var data []byte
	switch kind := binary.BigEndian.Uint16(rest[1:]); {
	case kind == typePTR && ptr[name] != "":
		for label := range strings.SplitSeq(ptr[name], ".") {
			data = append(append(data, byte(len(label))), label...)
		}
		data = append(data, 0)
	case kind == typeA && a[name] != "":
		data = netip.MustParseAddr(a[name]).AsSlice()
	}
	r := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...) // a response, recursion available
	if data == nil {
		return r
	}
	r[7] = 1                                       // answers
	r = append(r, 0xc0, header)                    // the name of the question
	r = append(r, rest[1:5]...)                    // its type and class
	r = append(r, 0, 0, 0, 60, 0, byte(len(data))) // time to live, length
	return append(r, data...)
}

func testResolver(t *testing.T) *net.Resolver {
	return fakeResolver(t,
		map[string]string{
			"2.0.0.127.in-addr.arpa.": "good.example.test",
			"3.0.0.127.in-addr.arpa.": "liar.example.test",
			"4.0.0.127.in-addr.arpa.": "127.0.0.4",
			"6.0.0.127.in-addr.arpa.": "lost.example.test",
		},
		map[string]string{"good.example.test.": "127.0.0.2", "liar.example.test.": "127.0.0.9"})
}

func TestNames(t *testing.T) {
	n := names{resolver: testResolver(t)}
	for _, test := range []struct {
		addr, name string
		state      access.NameState
	}{
		{"127.0.0.2", "good.example.test", access.Confirmed},
		{"127.0.0.3", "", access.Mismatch},
		{"127.0.0.4", "", access.Unknown},
		{"127.0.0.5", "", access.Unknown},
		{"127.0.0.6", "", access.Mismatch},
	} {
		h, err := n.ask(netip.MustParseAddr(test.addr))
		if err != nil {
			t.Fatal(err)
		}
		<-h.found
		if h.name != test.name || h.state != test.state {
			t.Errorf("%s: %q, %v; want %q, %v", test.addr, h.name, h.state, test.name, test.state)
		}
	}
}

// TestNamesBounded has as many lookups under way as may be.
func TestNamesBounded(t *testing.T) {
	release := make(chan struct{})
	n := names{resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		<-release
		return nil, errors.New("no name server")
	}}}
	addr := netip.MustParseAddr("127.0.1.1")
	var asked []*hostName
	for range maxNames {
		h, err := n.ask(addr)
		if err != nil {
			t.Fatal(err)
		}
		asked = append(asked, h)
		addr = addr.Next()
	}
	if _, err := n.ask(addr); err != errNames {
		t.Errorf("one more: %v", err)
	}
	if h, err := n.ask(addr.Prev()); err != nil || h != asked[maxNames-1] {
		t.Errorf("the same once more: %v", err)
	}
	close(release)
	for _, h := range asked {
		<-h.found
	}
	if h, err := n.ask(addr); err != nil {
		t.Errorf("afterwards: %v", err)
	} else {
		<-h.found
	}
}

func TestRulesNames(t *testing.T) {
	for _, test := range []struct{ name, from, allow, deny, answer, log string }{
		{"confirmed", "127.0.0.2", "ALL: .example.test", "ALL: ALL", "welcome\n", `: connection from good\.example\.test, service`},
		{"denied", "127.0.0.2", "", "ALL: .example.test", "", `: refused connection from good\.example\.test, .* peer 127\.0\.0\.2:\d+\)$`},
		{"mismatch", "127.0.0.3", "ALL: .example.test", "ALL: ALL", "", `: refused connection from 127\.0\.0\.3, `},
		{"paranoid", "127.0.0.3", "", "ALL: PARANOID", "", `: refused connection from 127\.0\.0\.3, `},
		{"unknown does not escape", "127.0.0.5", "", "ALL: .example.test", "", `: peer name is not known \(`},
		{"no need", "127.0.0.3", "ALL: 127.", "ALL: ALL", "welcome\n", `: connection from 127\.0\.0\.3, `},
	} {
		t.Run(test.name, func(t *testing.T) {
			sc := newScene(t, echoServer+"\n", wrap)
			sc.names = testResolver(t)
			sc.write("allow", strings.TrimLeft(test.allow+"\n", "\n"))
			sc.write("deny", test.deny+"\n")
			sc.start()
			if got := sc.visit(test.from, ""); got != test.answer {
				t.Errorf("answer %q, want %q", got, test.answer)
			}
			sc.wantLog(test.log)
		})
	}
}

func TestResolve(t *testing.T) {
	for _, test := range []struct{ from, answer string }{
		{"127.0.0.2", "good.example.test good.example.test localhost\n"},
		{"127.0.0.3", "- - localhost\n"},
		{"127.0.0.5", "- - localhost\n"},
	} {
		t.Run(test.from, func(t *testing.T) {
			sc := newScene(t, shServer+"'echo ${TCPREMOTEHOST--} ${REMOTE_HOST--} $TCPLOCALHOST'\n", func(c *Config) { c.Resolve = true })
			sc.names = testResolver(t)
			sc.start()
			if got := sc.visit(test.from, ""); got != test.answer {
				t.Errorf("%s: answer %q, want %q", test.from, got, test.answer)
			}
			sc.wantLog("-connection")
		})
	}
}
