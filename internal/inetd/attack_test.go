package inetd

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"inetd/internal/freeport"
	"inetd/internal/sock"
)

// ofAttack returns how many clients there are: few in an ordinary test, many in an attack.
func ofAttack(few, many int) int {
	if os.Getenv("INETD_ATTACK") != "" {
		return many
	}
	return few
}

// TestNothingToDo: a daemon that has nothing to serve, or whose clients wait for the
// end of a suspension, sleeps.
func TestNothingToDo(t *testing.T) {
	if !apart(t) {
		return
	}
	for _, tt := range []struct{ name, conf string }{
		{"no service", "# nothing\n"},
		{"a client waits", abstract("rests", 0) + " stream unix nowait.1 - internal daytime\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := servingText(t, tt.conf)
			if len(s.now.Services) > 0 {
				for range 2 {
					c, err := net.Dial("unix", abstract("rests", 0))
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
				}
				for u := s.now.Services[0].Usage(); !u.Halted; {
					s.turn()
				}
			}
			time.AfterFunc(300*time.Millisecond, s.Stop)
			turns := 0
			for ; !s.stopping.Load(); turns++ {
				s.turn()
			}
			if turns > 20 {
				t.Errorf("the loop has turned %d times", turns)
			}
		})
	}
}

// TestClientGoneBeforeAccept: a client that resets its connection before it is
// accepted keeps nobody waiting, nor does one that another process has accepted.
func TestClientGoneBeforeAccept(t *testing.T) {
	port, err := freeport.Claim()
	if err != nil {
		t.Fatal(err)
	}
	s := servingText(t, fmt.Sprintf("%s stream unix nowait.0 - internal daytime\n127.0.0.1:%d stream tcp4 nowait.0 - /bin/true\n", abstract("served", 0), port))
	listener := s.now.Services[1].First
	for range ofAttack(5, 500) {
		for range 20 {
			c, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", port))
			if err != nil {
				t.Fatal(err)
			}
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}
		c, err := net.Dial("unix", abstract("served", 0))
		if err != nil {
			t.Fatal(err)
		}
		for u, before := s.now.Services[0].Usage(), s.now.Services[0].Usage().Accepted; u.Accepted == before; {
			s.turn()
		}
		if b, err := io.ReadAll(c); len(b) == 0 || err != nil {
			t.Fatalf("the neighbour has %q, %v", b, err)
		}
		c.Close()
		for sock.Readable(int(listener.FD)) {
			s.turn()
		}
	}
	s.accept(listener) // the queue is empty
	for s.running.Len() > 0 {
		s.reap()
	}
}

// rush has n clients connect to a path, a few at a time, and waits for the end of each.
func rush(t *testing.T, n int, path, text string) {
	t.Helper()
	const atOnce = 4
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for range n / atOnce {
				c, err := net.Dial("unix", path)
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(c, text)
				c.(*net.UnixConn).CloseWrite()
				c.SetDeadline(time.Now().Add(30 * time.Second))
				io.CopyN(io.Discard, c, 1000) // chargen has no end
				c.Close()
			}
		})
	}
	all.Wait()
}

// TestManyClientsOfBuiltins: the clients leave no descriptor open and no room taken.
func TestManyClientsOfBuiltins(t *testing.T) {
	names := []string{"echo", "discard", "chargen", "daytime", "time"}
	conf := ""
	for i, name := range names {
		conf += abstract("builtin", i) + " stream unix nowait.0 - internal " + name + "\n"
	}
	s := daemon(t, "", conf, nil)
	rush(t, 8, abstract("builtin", 0), "x")
	before := s.settle(t)
	for i := range names {
		rush(t, ofAttack(80, 50_000), abstract("builtin", i), "x")
	}
	eventually(t, func() (err error) {
		s.onLoop(func() {
			if n := s.talks.Room.Len(); n != 0 {
				err = fmt.Errorf("%d connections of builtins", n)
			}
		})
		return err
	})
	eventually(t, func() error {
		if n := s.settle(t); n > before {
			return fmt.Errorf("%d descriptors, %d before", n, before)
		}
		return nil
	})
}

// TestManyRefused: further clients of a source that has reached its limit take no memory
// and no descriptor.
func TestManyRefused(t *testing.T) {
	path := abstract("refuses", 0)
	s := daemon(t, "", path+" stream unix nowait/0/0/1 - internal echo\n", nil)
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "x")
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	n := ofAttack(2000, 1_000_000)
	rush(t, n/10, path, "")
	before, memory := s.settle(t), heapAlloc()
	rush(t, n, path, "")
	eventually(t, func() error {
		if n := s.settle(t); n > before {
			return fmt.Errorf("%d descriptors, %d before", n, before)
		}
		return nil
	})
	if grown := heapAlloc() - memory; grown > 1<<20 {
		t.Errorf("%d bytes for %d clients", grown, n)
	}
	s.onLoop(func() {
		if got := s.now.Services[0].Usage().Refused.Limit; got < uint64(n) {
			t.Errorf("%d clients were refused, want %d", got, n)
		}
	})
}

func heapAlloc() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
