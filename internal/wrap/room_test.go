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
	"inetd/internal/wrap/dnstest"
)

// rulesOf are files with these rules.
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

// TestBurst: more clients of one source at a time than may wait for a name server
// or a command wait for the others, and none is refused for that.
func TestBurst(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{"ALL: .example.test\n", "ALL: ALL: aclexec true\n"} {
		rules := rulesOf(t, rule, "ALL: ALL\n")
		names := Names{Resolver: testResolver(t)}
		var clients sync.WaitGroup
		start := make(chan struct{})
		for i := range 100 {
			clients.Go(func() {
				<-start
				a := Ask(t.Context(), &names, Question{Query: queryFrom(fmt.Sprint("127.0.0.2:", 1000+i)), Rules: rules, Run: func(context.Context, string) error {
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

// TestSlowCommands: the commands that are run for one source leave room for
// those of another.
func TestSlowCommands(t *testing.T) {
	t.Parallel()
	rules := rulesOf(t, "ALL: 192.0.2.1: aclexec slow\nALL: ALL: aclexec quick\n", "ALL: ALL\n")
	names := Names{Resolver: dnstest.Silent()}
	ctx, cancel := context.WithCancel(t.Context())
	var begun, running sync.WaitGroup
	most := make(chan struct{}, 1000)
	ask := func(peer string) *Answer {
		return Ask(ctx, &names, Question{Query: queryFrom(peer), Rules: rules, Run: func(ctx context.Context, command string) error {
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
	cancel()
	running.Wait()
	if n := len(most); n > 64 {
		t.Errorf("%d commands ran at once for one source", n)
	}
}

// TestLocalNameIsNobodysFault: a client whose name is in /etc/hosts needs no room
// when that of this end is not there.
func TestLocalNameIsNobodysFault(t *testing.T) {
	t.Parallel()
	rules := rulesOf(t, "ALL: localhost\n", "ALL: ALL\n")
	names := Names{Resolver: dnstest.Silent()}
	for i := range namesPerService {
		q := queryFrom(fmt.Sprintf("[2001:db8:0:%x::1]:7", i))
		if _, err := names.enter(&q); err != nil {
			t.Fatal(err)
		}
	}
	q := queryFrom("127.0.0.1:7")
	q.Local = netip.MustParseAddrPort("192.0.2.9:1")
	if a := Ask(t.Context(), &names, Question{Query: q, Rules: rules}); !a.Allow {
		t.Errorf("refused%s", a.Why())
	}
}
