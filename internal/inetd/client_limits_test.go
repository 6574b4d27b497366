package inetd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"inetd/internal/limit"
)

// TestLimitsModel has clients come and go at random, each with an inquiry that takes a
// random time. At every moment all limits hold and the counts agree with what runs, and in
// the end nothing is left.
func TestLimitsModel(t *testing.T) {
	const clients, most, perSource, processes = 60, 4, 2, 5
	entry := fmt.Sprintf(" stream tcp4 nowait/%d/1000/%d - /bin/cat", most, perSource)
	sc := newScene(t, "127.0.0.1:PORT"+entry+" one\n127.0.0.9:PORT"+entry+" two\n", func(c *Config) {
		c.Wrap, c.Processes, c.Starts = true, processes, 0
	})
	chance := rand.New(rand.NewPCG(1, 2))
	sc.names = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond) // a name server, now quick and now slow
		return nil, errors.New("no name server")
	}}
	sc.write("deny", "ALL: 127.0.0.99 127.0.0.4\n")
	sc.write("allow", "one: ALL EXCEPT 127.0.0.4: setenv NAME %h\ntwo: ALL EXCEPT 127.0.0.4: umask 022\n")
	sc.start()
	gone := make(chan error, clients)
	for range clients {
		from, to := fmt.Sprint("127.0.0.", 2+chance.IntN(3)), []string{"127.0.0.1", "127.0.0.9"}[chance.IntN(2)]
		early := chance.IntN(8) == 0
		go func() {
			gone <- modelClient(from, net.JoinHostPort(to, sc.port), early)
			sc.s.mail.Post(func() {})
		}()
	}
	for n := 0; n < clients; {
		sc.s.turn()
		sc.checkLimits(most, perSource, processes)
		for ; len(gone) > 0; n++ {
			if err := <-gone; err != nil {
				t.Error(err)
			}
		}
		if t.Failed() {
			return
		}
	}
	sc.serve(func() bool { return len(sc.s.delayed) == 0 })
	sc.checkLimits(most, perSource, processes)
	for _, v := range sc.s.now.Services {
		if v.Usage().Live != 0 {
			t.Errorf("%s: %d servers seem to run", v.Label, v.Usage().Live)
		}
	}
}

// modelClient is served unless a limit of its source forbids that; an early client leaves
// at once.
func modelClient(from, to string, early bool) error {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp4", to)
	if err != nil {
		return err
	}
	defer c.Close()
	if early {
		return nil
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(c, from)
	c.(*net.TCPConn).CloseWrite()
	b, err := io.ReadAll(c)
	if os.IsTimeout(err) || len(b) > 0 && string(b) != from {
		return fmt.Errorf("%s was answered %q, %v", from, b, err)
	}
	return nil // served, or refused, perhaps by a reset
}

// checkLimits compares what runs with the limits and with the counts.
func (sc *scene) checkLimits(most, perSource, processes int) {
	sc.t.Helper()
	if n := sc.s.running.Len(); n > processes {
		sc.t.Errorf("%d processes, limit %d", n, processes)
	}
	for _, v := range sc.s.now.Services {
		sources := map[limit.Source]int{}
		running := 0
		for _, p := range sc.s.running.All() {
			if p.Service == v {
				running++
				sources[p.Client.Source]++
			}
		}
		if u := v.Usage(); running > u.Live || u.Live > most {
			sc.t.Errorf("%s: %d servers, %d counted, limit %d", v.Label, running, u.Live, most)
		}
		for source, n := range sources {
			if n > perSource {
				sc.t.Errorf("%s: %d servers of %v, limit %d", v.Label, n, source, perSource)
			}
		}
	}
}
