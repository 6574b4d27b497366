package wrap

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"inetd/internal/access"
	"inetd/internal/limit"
	"inetd/internal/wrap/dnstest"
)

// rulesOf returns files with these rules.
func rulesOf(t *testing.T, allow, deny string) []*Files {
	dir := t.TempDir()
	for name, text := range map[string]string{"allow": allow, "deny": deny} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []*Files{Hosts(filepath.Join(dir, "allow"), filepath.Join(dir, "deny"))}
}

func queryFrom(peer string) access.Query {
	return access.Query{Daemon: "d", Peer: netip.MustParseAddrPort(peer), Local: netip.MustParseAddrPort("127.0.0.1:1")}
}

func sourceOf(addr string) limit.Source { return limit.Address(netip.MustParseAddr(addr)) }

// TestBurst: when more clients of one source come at a time than may wait for a name
// server or a command, the others queue, and none is refused for that.
func TestBurst(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{"ALL: .example.test\n", "ALL: ALL: aclexec true\n"} {
		rules := rulesOf(t, rule, "ALL: ALL\n")
		asker := NewAsker(dnstest.Example(t))
		var clients sync.WaitGroup
		start := make(chan struct{})
		for i := range 100 {
			clients.Go(func() {
				<-start
				a := asker.Ask(t.Context(), Question{Query: queryFrom(fmt.Sprint("127.0.0.2:", 1000+i)), Source: sourceOf("127.0.0.2"), Rules: rules, Run: func(context.Context, string) error {
					time.Sleep(time.Millisecond)
					return nil
				}})
				if !a.Allow {
					t.Errorf("client %d was refused%s", i, a.Why())
				}
			})
		}
		close(start)
		clients.Wait()
	}
}

// TestSlowCommands: slow commands for one source leave room for those for another.
func TestSlowCommands(t *testing.T) {
	t.Parallel()
	rules := rulesOf(t, "ALL: 192.0.2.1: aclexec slow\nALL: ALL: aclexec quick\n", "ALL: ALL\n")
	asker := NewAsker(dnstest.Silent())
	ctx, cancel := context.WithCancel(t.Context())
	var begun, running sync.WaitGroup
	most := make(chan struct{}, 1000)
	ask := func(peer string) *Answer {
		return asker.Ask(ctx, Question{Query: queryFrom(peer), Source: sourceOf(queryFrom(peer).Peer.Addr().String()), Rules: rules, Run: func(ctx context.Context, command string) error {
			if command == "slow" {
				most <- struct{}{}
				<-ctx.Done()
			}
			return nil
		}})
	}
	for i := range 600 {
		begun.Add(1)
		running.Go(func() {
			begun.Done()
			ask(fmt.Sprint("192.0.2.1:", 1000+i))
		})
	}
	begun.Wait()
	if a := ask("192.0.2.2:1"); !a.Allow {
		t.Errorf("another source was refused%s", a.Why())
	}
	if n := len(most); n > 64 { // queued ones run after these are cancelled
		t.Errorf("%d commands ran at once for one source", n)
	}
	cancel()
	running.Wait()
}

// TestLocalNameIsNobodysFault: a client whose name is in /etc/hosts needs no room, even
// if the name of this end is not there.
func TestLocalNameIsNobodysFault(t *testing.T) {
	t.Parallel()
	rules := rulesOf(t, "ALL: localhost\n", "ALL: ALL\n")
	asker := NewAsker(dnstest.Silent())
	for i := range roomPerService {
		if _, err := asker.room.enter(t.Context(), "d", sourceOf(fmt.Sprintf("2001:db8:0:%x::1", i))); err != nil {
			t.Fatal(err)
		}
	}
	q := queryFrom("127.0.0.1:7")
	q.Local = netip.MustParseAddrPort("192.0.2.9:1")
	if a := asker.Ask(t.Context(), Question{Query: q, Label: "d", Rules: rules}); !a.Allow {
		t.Errorf("refused%s", a.Why())
	}
}

// TestRoomShared: clients of one source, or of one service, leave room for others, and
// those that wait for room get it in order.
func TestRoomShared(t *testing.T) {
	t.Parallel()
	var r room
	var members []*limit.Member
	hurry, cancel := context.WithCancel(t.Context())
	cancel()
	enter := func(service, source string) bool {
		m, err := r.enter(hurry, service, sourceOf(source))
		if m != nil {
			members = append(members, m)
		}
		return err == nil
	}
	source := func(i int) string { return fmt.Sprintf("2001:db8:0:%x::%x", i/roomPerSource, i) }
	for i := range roomPerSource {
		if !enter("one", source(i)) {
			t.Fatalf("client %d of a source", i)
		}
	}
	if enter("other", "2001:db8::ffff") {
		t.Error("one more of that source")
	}
	for i := roomPerSource; i < roomPerService; i++ {
		if !enter("one", source(i)) {
			t.Fatalf("client %d of a service", i)
		}
	}
	if enter("one", "2001:db9::1") {
		t.Error("one more of that service")
	}
	if !enter("other", "2001:db9::1") {
		t.Error("no room for another service")
	}
	first, second := &waiter{"one", sourceOf("2001:db9::1"), make(chan *limit.Member, 1)}, &waiter{"one", sourceOf("2001:db9::2"), make(chan *limit.Member, 1)}
	for _, w := range []*waiter{first, second} {
		if m, err := r.admit(w); m != nil || err != nil {
			t.Fatal(m, err)
		}
	}
	r.leave(members[0])
	if len(first.got) != 1 || len(second.got) != 0 {
		t.Errorf("%d and %d have room now, want the first alone", len(first.got), len(second.got))
	}
	r.giveUp(first) // it got room without noticing
	if len(second.got) != 1 || len(r.queue) != 0 {
		t.Errorf("the second did not get the room of the first; %d wait", len(r.queue))
	}
}

// TestQueueBounded: a source has no more than its share of the queue.
func TestQueueBounded(t *testing.T) {
	t.Parallel()
	var r room
	wait := func(source string) bool {
		_, err := r.admit(&waiter{"one", sourceOf(source), make(chan *limit.Member, 1)})
		return err == nil
	}
	for i := range roomPerSource + queuePerSource {
		if !wait("192.0.2.1") {
			t.Fatalf("client %d was refused", i)
		}
	}
	if wait("192.0.2.1") {
		t.Error("one client more is let in")
	}
	for i := range roomPerSource + queuePerSource {
		if !wait("192.0.2.2") {
			t.Fatalf("client %d of another source was refused", i)
		}
	}
	for i := range roomPerSource {
		if !wait("192.0.2.3") {
			t.Fatalf("client %d of a third source has no room", i)
		}
	}
	if wait("192.0.2.3") {
		t.Error("the queue has no end")
	}
}
