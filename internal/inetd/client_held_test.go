package inetd

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"inetd/internal/limit"
	"inetd/internal/sock"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// crowdOf returns a Server of that many services, each with a client that waits. Only one
// client may have a server, and the loop has held back all other services.
func crowdOf(t *testing.T, services int) (s *Server, clients []*net.UnixConn) {
	t.Helper()
	name := func(i int) string { return fmt.Sprintf("@%s-%d-%d", t.Name(), os.Getpid(), i) }
	var conf strings.Builder
	for i := range services {
		fmt.Fprintf(&conf, "%s stream unix nowait.0 - /bin/cat\n", name(i))
	}
	s = servingText(t, conf.String())
	s.cfg.Processes = 1
	for i := range services {
		c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: name(i), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		clients = append(clients, c)
	}
	for s.polledWithClients() > 0 {
		s.turn()
	}
	return s, clients
}

// polledWithClients counts the sockets that the next turn of the loop is told of.
func (s *Server) polledWithClients() (n int) {
	for _, v := range s.now.Services {
		if k := v.First; k.Polled && sock.Readable(int(k.FD)) {
			n++
		}
	}
	return n
}

// endServers ends the servers that run and has the loop see that.
func (s *Server) endServers() {
	for pid := range s.running.All() {
		unix.Kill(pid, unix.SIGKILL)
	}
	for s.running.Len() > 0 {
		s.reap()
	}
}

// TestHeldSocketsAreRearmedInTurn: if there is room for one server, one socket is polled
// again, not all of those that a limit holds back, and each socket gets its turn.
func TestHeldSocketsAreRearmedInTurn(t *testing.T) {
	if !apart(t) {
		return
	}
	const services = 3 * perTurn
	s, clients := crowdOf(t, services)
	served := map[*table.Service]int{}
	for range services {
		for _, p := range s.running.All() {
			served[p.Service]++
		}
		s.endServers()
		for len(served) < services && s.running.Len() == 0 {
			s.turn()
			if n := s.polledWithClients(); n > 1 {
				t.Fatalf("%d sockets are polled for one server that may start", n)
			}
		}
	}
	if len(served) != len(clients) {
		t.Errorf("%d of %d services had a server", len(served), len(clients))
	}
}

// TestHeldSocketWithoutClient: if no client waits at a socket any more, the next socket is
// polled again.
func TestHeldSocketWithoutClient(t *testing.T) {
	const services = 3 * perTurn
	s, _ := crowdOf(t, services)
	for _, v := range s.now.Services[:services-1] {
		if fd, _, err := unix.Accept4(int(v.First.FD), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC); err == nil {
			unix.Close(fd)
		}
	}
	last := s.now.Services[services-1]
	s.endServers()
	for last.Usage().Starts.Count == 0 {
		s.turn()
	}
}

// TestHeldSocketOfRefusedClient: a client that is turned away takes no room from others
// that were held back.
func TestHeldSocketOfRefusedClient(t *testing.T) {
	const services = 4
	s, _ := crowdOf(t, services)
	for _, v := range s.now.Services[:services-1] {
		v.Do.Limits.PerSource = 1
		v.Usage().Admit(s.yielded, limit.User(uint32(os.Getuid())), v.Do.Limits)
	}
	last := s.now.Services[services-1]
	s.endServers()
	for last.Usage().Starts.Count == 0 {
		s.turn()
	}
}
