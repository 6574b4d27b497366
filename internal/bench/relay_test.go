package main

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	relayEntry = entry{addr: "127.0.1.3", port: 20000, to: "127.0.2.1:4711", keys: "user = nobody, connect = 127.0.2.1:4711"}
	coldEntry  = entry{addr: "127.0.1.3", port: 20001, keys: onDemand("/c/bin/cold", "cold 4712 5000", 4712)}
)

func TestKeys(t *testing.T) {
	t.Parallel()
	want := "20000 on protocol = tcp4, bind = 127.0.1.3, user = nobody, connect = 127.0.2.1:4711;\n" +
		"20001 on protocol = tcp4, bind = 127.0.1.3, user = root, exec = /c/bin/cold, args = cold 4712 5000, connect = 127.0.0.1:4712, wake = data, idle_time = 1m;\n"
	if diff := cmp.Diff(want, classic([]entry{relayEntry, coldEntry})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHAProxy(t *testing.T) {
	t.Parallel()
	got := haproxy([]entry{relayEntry, relayEntry})
	for _, want := range []string{"\tmode tcp\n", "listen l0\n\tbind 127.0.1.3:20000\n\tserver s 127.0.2.1:4711\n", "listen l1\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestRelaysAreApart: peers that only pass connections on are not among those that start
// servers, and ours is among both.
func TestRelaysAreApart(t *testing.T) {
	t.Parallel()
	all := allPeers(&cache{dir: "/c"}, "bin/inetd")
	want := []string{oursName, proxydName, "socat", "haproxy"}
	if diff := cmp.Diff(want, names(relaying(all))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, p := range serving(all) {
		if p.name != oursName && slices.Contains(want, p.name) {
			t.Errorf("%s starts no servers", p)
		}
	}
}

func TestBackend(t *testing.T) {
	t.Parallel()
	b, err := newBackend()
	defer b.close()
	if err != nil {
		t.Fatal(err)
	}
	dial := func(name string) net.Conn {
		c, err := net.Dial("tcp4", b.at[name])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(time.Minute))
		return c
	}
	if line, err := io.ReadAll(dial("answer")); string(line) != "ok\n" {
		t.Errorf("answer: %q, %v", line, err)
	}
	buf := make([]byte, 3)
	echo := dial("echo")
	io.WriteString(echo, "abc")
	if _, err := io.ReadFull(echo, buf); string(buf) != "abc" {
		t.Errorf("echo: %q, %v", buf, err)
	}
	if _, err := io.ReadFull(dial("chargen"), make([]byte, 1<<20)); err != nil {
		t.Errorf("chargen: %v", err)
	}
	discard := dial("discard")
	if _, err := discard.Write(make([]byte, 16<<20)); err != nil { // more than buffers hold
		t.Errorf("discard: %v", err)
	}
}

// TestPageOfRelays: relays have a table of their own.
func TestPageOfRelays(t *testing.T) {
	t.Parallel()
	tiny := &series{name: "tiny", unit: "conn/s", higher: true}
	tiny.put(referenceName, 0, 4000)
	tiny.put(oursName, 0, 5000)
	short := &series{name: "short", unit: "conn/s", higher: true, base: proxydName, relays: true}
	short.put(oursName, 0, 900)
	short.put(proxydName, 0, 600)
	short.put("haproxy", 0, 1200)
	r := results{series: []*series{tiny, short}}
	page := r.page("", []string{referenceName, oursName}, []string{oursName, proxydName, "haproxy"})
	for _, want := range []string{
		"| tiny, conn/s | higher | 1.00 | 1.25 |\n",
		"| | better | inetd | systemd-socket-proxyd | haproxy |\n|---|---|--:|--:|--:|\n| short, conn/s | higher | 1.50 | 1.00 | 2.00 |\n",
		"| short, conn/s | higher | 900 | 600 | 1200 |\n",
		"* short, conn/s: haproxy 1200, inetd 900\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

// TestPageOfRelaysAlone: the page of a run of relays alone has no empty tables.
func TestPageOfRelaysAlone(t *testing.T) {
	t.Parallel()
	short := &series{name: "short", unit: "conn/s", higher: true, base: proxydName, relays: true}
	short.put(oursName, 0, 900)
	r := results{series: []*series{short}}
	page := r.page("", []string{referenceName, oursName}, []string{oursName, proxydName})
	if strings.Contains(page, referenceName) || !strings.Contains(page, "| short, conn/s | higher | 900 |") {
		t.Errorf("the page is\n%s", page)
	}
}
