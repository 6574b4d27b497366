package main

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is a number of clients that connect to an echoing service over and over.
type crowd struct {
	stop   atomic.Bool
	served atomic.Int64
	wg     sync.WaitGroup
	mu     sync.Mutex
	err    error // the first
}

// newCrowd has clients connect until stop is set, or limit connections have
// been made altogether.
func newCrowd(clients int, limit int64, network, addr, preface string) *crowd {
	c := &crowd{}
	var begun atomic.Int64
	for range clients {
		c.wg.Go(func() {
			for !c.stop.Load() && begun.Add(1) <= limit {
				if err := echoOnce(network, addr, preface); err != nil {
					c.fail(fmt.Errorf("client %d of %s: %w", c.served.Load(), addr, err))
					return
				}
				c.served.Add(1)
			}
		})
	}
	return c
}

func (c *crowd) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	c.stop.Store(true)
}

// end waits for the clients and returns the first error of any client.
func (c *crowd) end() error {
	c.wg.Wait()
	return c.err
}

// echoOnce sends a preface and expects its words back, and then the end.
func echoOnce(network, addr, preface string) error {
	conn, err := net.DialTimeout(network, addr, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	const words = "are you there?\n"
	if _, err := io.WriteString(conn, preface+words); err != nil {
		return err
	}
	answer, err := readAnswer(conn)
	if err == nil && string(answer) != words {
		err = fmt.Errorf("answer %q", answer)
	}
	return err
}

func cmdRush(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	n, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	ts.Check(newCrowd(8, n, args[1], args[2], "").end())
}

func cmdLoad(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	b := benchOf(ts)
	clients, network := 4, args[0]
	if n, rest, ok := strings.Cut(network, "*"); ok {
		var err error
		clients, err = strconv.Atoi(n)
		ts.Check(err)
		network = rest
	}
	preface := ""
	if len(args) > 2 {
		preface = string(unquote(ts, args[2]))
	}
	c := newCrowd(clients, 1<<62, network, args[1], preface)
	b.crowds = append(b.crowds, c)
	ts.Defer(func() {
		c.stop.Store(true)
		c.wg.Wait()
	})
}

func cmdUnload(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	b := benchOf(ts)
	for _, c := range b.crowds {
		c.stop.Store(true)
	}
	for _, c := range b.crowds {
		ts.Check(c.end())
		ts.Logf("%d connections served", c.served.Load())
		if c.served.Load() == 0 {
			ts.Fatalf("nobody was served")
		}
	}
	b.crowds = nil
}
